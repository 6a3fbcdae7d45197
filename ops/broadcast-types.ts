/** The type of numpy's broadcasting: equal shapes first, so that generic code keeps its S; then axis by axis from the end. */
import type { Dim, Index, Shape, Tensor, Truth } from '../lib/index.ts'

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
/** Is the rank unknown to tsc? */
type Wide<S extends Shape> = number extends S['length'] ? true : false
/** The shape that two broadcast to; unknown where one of them is. */
export type BroadcastShape<A extends Shape, B extends Shape> = true extends Wide<A> | Wide<B>
  ? Shape
  : Broadcast<A, B> extends infer S extends Shape
    ? S
    : never
/** B where it broadcasts with A, an error in the place of the axis that does not. */
export type Broadcasts<B extends Shape, A extends Shape> = Wide<B> extends true ? B : Fitting<B, A>
type Fitting<B, A, Acc extends Shape = []> = B extends readonly [...infer BR, infer b extends Dim]
  ? A extends readonly [...infer AR, infer a extends Dim]
    ? Fitting<
        BR,
        AR,
        [a extends b ? b : a extends 1 ? b : b extends 1 ? b : `✗ ${b} does not broadcast with ${a}`, ...Acc]
      >
    : [...B, ...Acc]
  : Acc

/** An op of two tensors of one kind under numpy's broadcasting: `add(a, b)`. */
export interface Arithmetic {
  <S extends Shape>(a: Tensor<S>, b: Tensor<S>): Tensor<S>
  <S extends Shape>(a: Index<S>, b: Index<S>): Index<S>
  <A extends Shape, B extends Shape>(a: Index<A>, b: Index<B> & Index<Broadcasts<B, A>>): Index<BroadcastShape<A, B>>
  <A extends Shape, B extends Shape>(
    a: Tensor<A>,
    b: Tensor<B> & Tensor<Broadcasts<B, A>>,
  ): Tensor<BroadcastShape<A, B>>
}
/** A comparison of two tensors of one kind under numpy's broadcasting: `less(a, b)`. */
export interface Comparison {
  <S extends Shape>(a: Tensor<S>, b: Tensor<S>): Truth<S>
  <S extends Shape>(a: Index<S>, b: Index<S>): Truth<S>
  <A extends Shape, B extends Shape>(a: Index<A>, b: Index<B> & Index<Broadcasts<B, A>>): Truth<BroadcastShape<A, B>>
  <A extends Shape, B extends Shape>(a: Tensor<A>, b: Tensor<B> & Tensor<Broadcasts<B, A>>): Truth<BroadcastShape<A, B>>
}
/** An op of two truth values under numpy's broadcasting: `logicalAnd(a, b)`. */
export interface Logic {
  <S extends Shape>(a: Truth<S>, b: Truth<S>): Truth<S>
  <A extends Shape, B extends Shape>(a: Truth<A>, b: Truth<B> & Truth<Broadcasts<B, A>>): Truth<BroadcastShape<A, B>>
}
/** An op that keeps the shape. */
export type Same = <S extends Shape>(x: Tensor<S>) => Tensor<S>
