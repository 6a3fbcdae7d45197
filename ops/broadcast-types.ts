/** The type of numpy's broadcasting: equal shapes first, so that generic code keeps its S; then axis by axis from the end. */
import type { Dim, Shape, Tensor, Truth } from '../lib/index.ts'

export type Broadcast<A, B, Acc extends Shape = []> = A extends readonly [...infer AR, infer a extends Dim]
  ? B extends readonly [...infer BR, infer b extends Dim]
    ? Broadcast<
        AR,
        BR,
        [a extends b ? a : a extends 1 ? b : b extends 1 ? a : `✗ ${a} and ${b} do not broadcast`, ...Acc]
      >
    : [...A, ...Acc]
  : B extends readonly Dim[]
    ? [...B, ...Acc]
    : never
/** B where it broadcasts with A, an error in the place of the axis that does not. */
export type Broadcasts<B, A, Acc extends Shape = []> = B extends readonly [...infer BR, infer b extends Dim]
  ? A extends readonly [...infer AR, infer a extends Dim]
    ? Broadcasts<
        BR,
        AR,
        [a extends b ? b : a extends 1 ? b : b extends 1 ? b : `✗ ${b} does not broadcast with ${a}`, ...Acc]
      >
    : [...B, ...Acc]
  : Acc
type Result<A, B> = Broadcast<A, B> extends infer S extends Shape ? S : never

/** An op of two tensors under numpy's broadcasting: `add(a, b)`. */
export interface Arithmetic {
  <S extends Shape>(a: Tensor<S>, b: Tensor<S>): Tensor<S>
  <A extends Shape, B extends Shape>(a: Tensor<A>, b: Tensor<B> & Tensor<Broadcasts<B, A>>): Tensor<Result<A, B>>
}
/** A comparison of two tensors under numpy's broadcasting: `less(a, b)`. */
export interface Comparison {
  <S extends Shape>(a: Tensor<S>, b: Tensor<S>): Truth<S>
  <A extends Shape, B extends Shape>(a: Tensor<A>, b: Tensor<B> & Tensor<Broadcasts<B, A>>): Truth<Result<A, B>>
}
/** An op that keeps the shape. */
export type Same = <S extends Shape>(x: Tensor<S>) => Tensor<S>
