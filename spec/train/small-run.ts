/** A run of training that takes seconds: a small network learns a function, from batches that follow from their number. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { either as E } from 'fp-ts'
import {
  batches,
  input,
  pipe,
  randomBits,
  value,
  type Batches,
  type Door,
  type Learner,
  type SluiceError,
} from 'sluice'
import { adamW, gelu, linear, mseLoss } from 'sluice/ops'

const numberAt = (k: number, i: number): number => randomBits(k + 1, i) / 2 ** 31 - 1
export const data = (count: number): Batches =>
  batches(count, k => {
    const x = Float32Array.from({ length: 8 * 4 }, (_, i) => numberAt(k, i))
    const y = Float32Array.from({ length: 8 }, (_, row) => Math.sin(3 * x[4 * row]!) * x[4 * row + 1]!)
    return { x: value([8, 4], x), y: value([8, 1], y) }
  })
const x = input('x', ['rows', 4])
const hidden = pipe(x, linear('first', 16), gelu, linear('second', 16), gelu)
const guess = linear('last', 1)(hidden)
export const learner = (): Learner => ({ loss: mseLoss()(guess, input('y', ['rows', 1])), weights: new Map() })
export const optimizer = adamW({ lr: 0.01 })

export const right = async <A>(door: Door<A>): Promise<A> => {
  const done = await door()
  if (E.isLeft(done)) throw new Error(done.left.message)
  return done.right
}
export const left = async (door: Door<unknown>): Promise<SluiceError> => {
  const done = await door()
  if (E.isRight(done)) throw new Error('should have failed')
  return done.left
}
export const folder = (): string => mkdtempSync(join(tmpdir(), 'sluice-train-'))
