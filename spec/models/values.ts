/**
 * What the tests of models share: weights of a folder, values of a graph by its references in float64, and how far a
 * value is from a golden tensor, stored whole or as samples.
 */
import { expect } from 'vitest'
import { evaluate, type AnyTensor, type Feeds, type Value } from '../../lib/index.ts'
import { nodeFolder } from '../../lib/node/files.ts'
import { openWeights, openTensorFile } from '../../lib/weights/open-weights.ts'
import type { goldenTensors } from '../golden/tensors.ts'

type Golden = ReturnType<typeof goldenTensors>

/** The right side of an Either, or a test failure with the error's message. */
export const right = <A>(result: { _tag: 'Left'; left: { message: string } } | { _tag: 'Right'; right: A }): A => {
  if (result._tag === 'Left') throw new Error(result.left.message)
  return result.right
}

/** All real tensors of a folder's weights (or of one file in it), as the values of parameters. */
export const weightsIn = async (folder: string, file?: string): Promise<ReadonlyMap<string, Value>> => {
  const at = nodeFolder(folder)
  const opened = right(await (file === undefined ? openWeights(at) : openTensorFile(at, file))())
  const values = new Map<string, Value>()
  for (const { name, shape, dtype, read } of opened.tensors.values())
    if (/F/.test(dtype)) values.set(name, { kind: 'float', shape, data: right(await read()) })
  return values
}

/** Values of some outputs in float64. */
export const valuesOf = <K extends string>(
  outputs: Readonly<Record<K, AnyTensor>>,
  feeds: Feeds,
  weights: ReadonlyMap<string, Value>,
): Readonly<Record<K, Value>> => right(evaluate(outputs, feeds, { weights })) as Readonly<Record<K, Value>>

/** A golden tensor without its leading axis, at one position of it. */
export const sample = (golden: Golden, name: string, position: number): Value => {
  const { shape, data } = golden.get(name)!
  const count = shape.slice(1).reduce((a, b) => a * b, 1)
  const part = data.slice(position * count, (position + 1) * count)
  return { kind: 'float', shape: shape.slice(1), data: part as Float32Array }
}

/** Largest difference to the golden tensor, over its largest value. `position` selects one sample of a batch. */
export const apart = (golden: Golden, name: string, value: Value, position = 0): number => {
  const index = golden.get(`${name}.index`)?.data
  const wanted = golden.get(index === undefined ? name : `${name}.value`)!.data
  const from = position * value.data.length
  let [difference, largest] = [0, 0]
  for (let i = 0; i < wanted.length; i++) {
    const at = (index?.[i] ?? i) - from
    if (at < 0 || at >= value.data.length) continue
    difference = Math.max(difference, Math.abs(value.data[at]! - wanted[i]!))
    largest = Math.max(largest, Math.abs(wanted[i]!))
  }
  return difference / Math.max(largest, 1e-30)
}

/** A float64 implementation differs from a stored float32 by its rounding alone. */
export const expectClose = (golden: Golden, name: string, value: Value, position = 0): void =>
  expect(apart(golden, name, value, position), name).toBeLessThan(1e-6)
