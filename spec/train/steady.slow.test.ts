/** A long run takes no more memory than a short one, whatever the sizes of its batches. */
import { either as E } from 'fp-ts'
import { expect, it } from 'vitest'
import { input, openTrainer, pipe, value } from 'sluice'
import { adamW, gelu, linear, mseLoss } from 'sluice/ops'

it('allocates nothing from its hundredth to its thousandth step', async () => {
  const guess = pipe(input('x', ['rows', 8]), linear('first', 32), gelu, linear('last', 1))
  const loss = mseLoss()(guess, input('y', ['rows', 1]))
  const opened = await openTrainer({ loss, weights: new Map() }, { optimizer: adamW({ lr: 1e-3 }), clip: 1 })()
  if (E.isLeft(opened)) throw new Error(opened.left.message)
  const { step, program, dispose } = opened.right
  const held = (): readonly number[] => {
    const { buffers, bytes } = program.device.counters()
    return [buffers, bytes]
  }
  let before: readonly number[] = []
  for (let k = 1; k <= 1000; k++) {
    const rows = 1 + (k % 8)
    const feeds = {
      x: value([rows, 8], new Float32Array(8 * rows).fill(k % 3)),
      y: value([rows, 1], new Float32Array(rows)),
    }
    const done = await step(feeds, { step: k, rate: 1e-3, share: 1, first: true, ends: true })()
    if (E.isLeft(done)) throw new Error(done.left.message)
    if (k === 100) before = held()
  }
  expect(held()).toEqual(before)
  dispose()
})
