/**
 * Combinators: how functions on tensors are put together besides one after another. They are plain functions, not ops; what they build
 * are the ops of their arguments. (Penzai's and Haskell's arrows: a handful of names for all dataflow.)
 */
import { ShapeError, showShape, type AnyTensor, type Index, type Shape, type Tensor } from '../lib/index.ts'
import { add } from './add.ts'
import { mul } from './mul.ts'

/** x + f(x). */
export const residual =
  <S extends Shape>(f: (x: Tensor<S>) => Tensor<S>) =>
  (x: Tensor<S>): Tensor<S> =>
    add(x, f(x))
/** gate(x) * value(x). */
export const gated =
  <A, S extends Shape>(gate: (x: A) => Tensor<S>, value: (x: A) => Tensor<S>) =>
  (x: A): Tensor<S> =>
    mul(gate(x), value(x))
/** One value into several functions, whose results keep their names: `pipe(x, fanout({ q, k, v }))`. Outside a pipe use fork. */
export const fanout =
  <A, R extends Readonly<Record<string, unknown>>>(fs: { [K in keyof R]: (a: A) => R[K] }) =>
  (a: A): R =>
    Object.fromEntries(Object.entries(fs).map(([k, f]) => [k, (f as (a: A) => unknown)(a)])) as R
/** One value into two functions, point-free. */
export const fork =
  <A, B, C>(f: (a: A) => B, g: (a: A) => C) =>
  (a: A): [B, C] => [f(a), g(a)]
/** A function of numbers that only moves them (rows, reshape, rearrange …), for indices. */
export const forIndices =
  <S extends Shape, T extends Shape>(f: (x: Tensor<S>) => Tensor<T>) =>
  (x: Index<S>): Index<T> =>
    f(x as AnyTensor as Tensor<S>) as AnyTensor as Index<T>
/** A shape that tsc cannot follow and the build checks: the way out of generic code that computes sizes. */
export const expectShape =
  <const T extends Shape>(shape: T) =>
  (x: AnyTensor): Tensor<[...T]> => {
    const axis = shape.findIndex((d, k) => d !== x.shape[k])
    if (axis < 0 && shape.length === x.shape.length) return x as Tensor<[...T]>
    const why = `the shape is ${showShape(x.shape)}, should be ${showShape(shape)}`
    const sizes = axis < 0 ? [shape.length, x.shape.length] : [shape[axis]!, x.shape[axis] ?? 'missing']
    throw new ShapeError('expectShape', '', [x.shape], { why, inputs: [0], axis: Math.max(axis, 0), sizes })
  }
