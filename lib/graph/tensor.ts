/**
 * The graph: immutable nodes that carry their op, inputs, attributes and shape. A tensor *is* its node; the types that users see
 * show only shape and kind, so that a hover reads Tensor<[577, 1024]>. Precision is not here: it is chosen when compiling.
 */
import { ShapeError, type Dim, type Shape } from '../shape/index.ts'
import type { Op } from './op.ts'
import type { Init } from './initial.ts'

/** What the elements are: numbers, indices (whole numbers), or truth values (results of comparisons). */
export type Kind = 'float' | 'index' | 'truth'

/** Any tensor, for lists of them. */
export interface AnyTensor {
  readonly shape: Shape
  readonly kind: Kind
}
// `in out`: invariant in its shape, or matmul of [2,3] by [5,7] would infer 3 | 5 and pass.
export interface Tensor<in out S extends Shape> extends AnyTensor {
  readonly shape: S
  readonly kind: 'float'
}
export interface Index<in out S extends Shape> extends AnyTensor {
  readonly shape: S
  readonly kind: 'index'
}
export interface Truth<in out S extends Shape> extends AnyTensor {
  readonly shape: S
  readonly kind: 'truth'
}

/** Where a node came from: its block's path, and the stack of the call that made it (formatted only for an error). */
export interface Origin {
  readonly path: string
  readonly stack: { readonly stack?: string }
}
interface NodeBase extends AnyTensor {
  readonly origin: Origin
  /** full names of blocks that returned this value, and names given with `named` */
  readonly labels: readonly string[]
}
/** A value that comes from outside the graph. */
export interface Source extends NodeBase {
  readonly role: 'input' | 'parameter' | 'state'
  readonly name: string
  readonly init?: Init
  readonly inputs: readonly []
}
/** The same number everywhere, or a small table of numbers written in the program. */
export interface Constant extends NodeBase {
  readonly role: 'constant'
  readonly value: number | readonly number[]
  readonly inputs: readonly []
}
/** An op applied to nodes. */
export interface Applied extends NodeBase {
  readonly role: 'applied'
  readonly op: Op
  readonly attrs: unknown
  readonly inputs: readonly Node[]
}
export type Node = Source | Constant | Applied

/** The node behind a tensor. */
export const nodeOf = (x: AnyTensor): Node => x as Node
/** The size of the last axis, with its type: how wide a layer in a generic function is that keeps the width of x. */
export const lastSize = <S extends Shape, C extends Dim>(x: Tensor<[...S, C]>): C => {
  const size = x.shape.at(-1)
  if (size !== undefined) return size as C
  throw new ShapeError('lastSize', '... c', [x.shape], { why: 'needs at least one axis, has none', sizes: [1, 0] })
}
/** A node as whatever tensor its caller has proved it to be. */
export const asTensor = <T extends AnyTensor>(n: Node): T => n as AnyTensor as T
