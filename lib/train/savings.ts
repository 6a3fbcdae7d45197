/** What a step of training needs of memory, and what computing blocks again saves of it: known from the plan, before anything runs. */
import { either as E } from 'fp-ts'
import { lower } from '../compile/lower.ts'
import { memoryPlanner, type MemoryBytes } from '../compile/memory.ts'
import type { DeviceProfile } from '../compile/pass.ts'
import type { SluiceError } from '../errors.ts'
import type { Tensor } from '../graph/index.ts'
import type { Bindings } from '../interpret/bind.ts'
import { trainingStep, usualSteps, type StepOptions } from './step.ts'

export interface StepMemory extends MemoryBytes {
  /** bytes of work that blocks computed again save */
  readonly saved: number
}
/** Memory of a step on a device, for batches of these sizes. Errors: `limit`, `shape`. */
export const stepMemory = (
  loss: Tensor<[]>,
  options: StepOptions,
  profile: DeviceProfile,
  sizes: Bindings = {},
): E.Either<SluiceError, StepMemory> => {
  const planned = (given: StepOptions): E.Either<SluiceError, MemoryBytes> => {
    const { outputs, next } = trainingStep(loss, given)
    const plan = memoryPlanner(lower(outputs, { profile, next, runs: usualSteps }), profile).plan(sizes)
    return E.isLeft(plan) ? plan : E.right(plan.right.memory)
  }
  const own = planned(options)
  if (E.isLeft(own) || options.recompute === undefined) return E.map((m: MemoryBytes) => ({ ...m, saved: 0 }))(own)
  const { recompute: _, ...rest } = options
  const without = planned(rest)
  return E.isLeft(without) ? without : E.right({ ...own.right, saved: without.right.work - own.right.work })
}
