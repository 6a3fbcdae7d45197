/** The order of samples by length, with the permutations that torch drew in place of this library's. */
import { lengthGroupedOrder } from '../../../../lib/index.ts'
import { jsonOf } from '../stages.ts'

interface Case {
  readonly lengths: readonly number[]
  readonly per_device_batch_size: number
  readonly world_size: number
  readonly mega_batch_mult: number | null
  readonly permutations: readonly (readonly number[])[]
  readonly order_of_rank: readonly (readonly number[])[]
}
export const checkSampler = (folder: string): string | undefined => {
  const given = jsonOf<Case>(folder, 'case.json')
  const left = [...given.permutations]
  const orders = lengthGroupedOrder(
    given.lengths,
    {
      batch: given.per_device_batch_size,
      world: given.world_size,
      ...(given.mega_batch_mult === null ? {} : { batchesPerGroup: given.mega_batch_mult }),
    },
    n => {
      const next = left.shift()
      if (next?.length !== n) throw new Error(`a permutation of ${n} was asked for, torch drew one of ${next?.length}`)
      return next
    },
  )
  if (left.length > 0) return `${left.length} permutations were not asked for`
  const at = orders.findIndex((order, rank) => order.join() !== given.order_of_rank[rank]!.join())
  return at < 0 ? undefined : `rank ${at} sees ${orders[at]!.join()}, should see ${given.order_of_rank[at]!.join()}`
}
