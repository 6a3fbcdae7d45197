/** Sluice, the language: shapes, tensors, ops as records, interpreters, compiler, device. Knows no op by name. */
export * from './errors.ts'
export * from './shape/index.ts'
export * from './graph/index.ts'
export * from './form/index.ts'
export { evaluate, type EvaluateOptions, type Values } from './interpret/evaluate.ts'
export { gradient, pullback } from './interpret/gradient.ts'
export * from './check/index.ts'
import { function as F } from 'fp-ts'
export const { pipe, flow } = F
