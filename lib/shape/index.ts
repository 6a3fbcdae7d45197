/** Shapes: sizes in one normal form, signatures, rules. Imports nothing outside itself. */
export type * from './dim.ts'
export type * from './signature.ts'
export type { Known, KnownShape } from './known.ts'
export { wrongSize } from './known.ts'
export * as size from './dim-arithmetic.ts'
export { applySignature, isRefusal, readSignature, showShape, solve } from './signature-check.ts'
export { broadcasting, signatureRule, type Draw, type Rule } from './rule.ts'
export { ShapeError, type Refusal } from './shape-error.ts'
