/** Tensors, ops as records, blocks and names, and the walk that every interpreter is made of. */
export type { AnyTensor, Applied, Constant, Index, Kind, Node, Origin, Source, Tensor, Truth } from './tensor.ts'
export { asTensor, lastSize, nodeOf } from './tensor.ts'
export { countOf, value, type Feed, type Feeds, type Numbers, type Value, type Weights } from './value.ts'
export {
  constant,
  constantIndex,
  fullLike,
  fullName,
  inBlock,
  indexInput,
  indexInputOf,
  indexState,
  input,
  inputOf,
  named,
  param,
  repeat,
  scope,
  state,
  table,
} from './block.ts'
export { block } from './generic-block.ts'
export { foldNodes, isTensor, mapOutputs, outputList, topological, type Outputs } from './fold.ts'
export type { FnOf, UnaryFn, BinaryFn } from './function-types.ts'
export { hashText, initialValues, randomBits, type Init } from './initial.ts'
export {
  describeOrigin,
  isOp,
  loosely,
  op,
  opOf,
  type FamilyRecord,
  type Gradient,
  type Law,
  type Loose,
  type Op,
  type PlainRecord,
  type Reference,
  type Sample,
} from './op.ts'
export { rewrite, withInputs } from './rewrite.ts'
