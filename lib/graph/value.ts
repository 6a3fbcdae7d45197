/** Concrete numbers: what feeds give, weights hold, references compute and runs return. Row-major: the last axis is contiguous. */
import type { Kind } from './tensor.ts'

export type Numbers = Float64Array | Float32Array | Int32Array
/** Whole numbers for indices, 0 or 1 for truth values. */
export interface Value {
  readonly kind: Kind
  readonly shape: readonly number[]
  readonly data: Numbers
}
/** What a user may give for an input: a value, or bare numbers where at most one size has to be guessed from their count. */
export type Feed = Value | Numbers | readonly number[] | number
export type Feeds = Readonly<Record<string, Feed>>
/** Weights by full name. */
export type Weights = Pick<ReadonlyMap<string, Value>, 'get'>

export const countOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)
/** A value of this shape; numbers are taken as they are. */
export const value = (shape: readonly number[], data: Numbers | readonly number[], kind: Kind = 'float'): Value => {
  const numbers = Array.isArray(data)
    ? kind === 'float'
      ? Float32Array.from(data)
      : Int32Array.from(data)
    : (data as Numbers)
  if (numbers.length !== countOf(shape))
    throw new RangeError(`${numbers.length} numbers do not fill [${shape.join(', ')}], which holds ${countOf(shape)}`)
  return { kind, shape, data: numbers }
}
