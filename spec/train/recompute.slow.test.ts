/** Blocks that are computed again for their gradients: the same numbers, in less memory. */
import { either as E } from 'fp-ts'
import { expect, it } from 'vitest'
import {
  evaluate,
  gradient,
  indexInput,
  input,
  lower,
  openTrainer,
  pipe,
  repeat,
  stepMemory,
  tap,
  trainingStep,
  value,
  type Door,
  type Loose,
  type Tensor,
} from 'sluice'
import { adamW, add, dropout, gelu, layerNorm, linear, mseLoss } from 'sluice/ops'
import { profiles } from '../compile/profiles.ts'

const right = <A>(e: E.Either<{ readonly message: string }, A>): A => {
  if (E.isLeft(e)) throw new Error(e.left.message)
  return e.right
}
const opened = async <A>(door: Door<A>): Promise<A> => right(await door())

const seed = indexInput('seed', [1])
type Rows = Tensor<['rows', 16]>
const layer = (x: Rows): Rows => {
  const wide = pipe(x, layerNorm('norm'), linear('up', 128), gelu)
  return add(x, linear('down', 16)(dropout('drop', 0.2)(wide, seed)))
}
const deep = (n: number) => repeat('layers', n, layer)(input('x', ['rows', 16]))
const lossOf = (n: number) => mseLoss()(deep(n), input('y', ['rows', 16]))
const feeds = {
  x: value(
    [5, 16],
    Float32Array.from({ length: 80 }, (_, i) => Math.sin(i)),
  ),
  y: value(
    [5, 16],
    Float32Array.from({ length: 80 }, (_, i) => Math.cos(2 * i)),
  ),
  seed: value([1], [3], 'index'),
}
const optimizer = adamW({ lr: 0.01 })

it('trains to the same bits', async () => {
  const after = async (recompute?: readonly string[]) => {
    const options = { optimizer, clip: 1, ...(recompute === undefined ? {} : { recompute }) }
    const trainer = await opened(openTrainer({ loss: lossOf(2), weights: new Map() }, options))
    const losses: number[] = []
    for (let k = 1; k <= 2; k++)
      losses.push((await opened(trainer.step(feeds, { step: k, rate: 0.01, share: 1, first: true, ends: true }))).loss)
    const values = await opened(trainer.read)
    trainer.dispose()
    return { losses, numbers: [...values].map(([name, { data }]) => [name, Array.from(data)]) }
  }
  const plain = await after()
  expect(await after(['layers'])).toEqual(plain)
  expect(await after(['up', 'layers.1'])).toEqual(plain)
})
it('gives the same gradients by the references', () => {
  const loss = lossOf(2)
  const weight = tap(loss, 'layers.0.up.weight')
  const both = [{}, { recompute: (path: string) => (path.startsWith('layers') ? path.slice(0, 8) : undefined) }]
  const [plain, again] = both.map(options => right(evaluate(gradient(loss, [weight], options)[0] as Loose, feeds)).data)
  expect(again).toEqual(plain)
})
it('keeps what goes into a block and nothing inside it, and says what that saves', () => {
  const memory = (n: number, recompute: readonly string[] | undefined) =>
    right(stepMemory(lossOf(n), { optimizer, ...(recompute && { recompute }) }, profiles.lavapipe, { rows: 4096 }))
  const [shallow, all] = [memory(6, undefined), memory(6, ['layers'])]
  expect(shallow.saved).toBe(0)
  expect(all.saved).toBe(shallow.work - all.work)
  expect(all.work).toBeLessThan(0.5 * shallow.work)
  // a layer more costs its input of 16 numbers, not what is 128 wide inside
  const perLayer = (recompute?: readonly string[]) => (memory(10, recompute).work - memory(6, recompute).work) / 4
  expect(perLayer(['layers'])).toBeLessThan(2 * 4096 * 16 * 4)
  expect(perLayer()).toBeGreaterThan(4096 * 128 * 4)
})
it('keeps nothing of what is frozen: no state, no gradient, and before the first that is trained no values', () => {
  const memory = (trainable: readonly string[]) =>
    right(stepMemory(lossOf(4), { optimizer, trainable }, profiles.lavapipe, { rows: 4096 }))
  const [all, last, first] = [memory(['layers']), memory(['layers.3']), memory(['layers.0'])]
  expect(last.states).toBe(all.states / 4)
  expect(first.states).toBe(all.states / 4)
  expect(last.weights).toBe(all.states / 3 - last.states / 3)
  expect(last.work).toBeLessThan(0.5 * all.work)
  // gradients go through layers that are frozen after it
  expect(first.work).toBeGreaterThan(last.work)
})
it('costs a program that is longer by what is computed again, and not twice that', () => {
  const count = (recompute?: readonly string[]): number => stepPasses({ optimizer, ...(recompute && { recompute }) })
  expect(count(['layers'])).toBeGreaterThan(count())
  expect(count(['layers'])).toBeLessThan(1.5 * count())
})
const stepPasses = (options: Parameters<typeof stepMemory>[1]): number => {
  const { outputs, next } = trainingStep(lossOf(4), options)
  return lower(outputs, { profile: profiles.lavapipe, next }).passes.length
}
