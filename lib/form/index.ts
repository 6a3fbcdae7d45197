/** Element expressions, the four forms of an op's GPU meaning, and what plain references are written with. */
export * from './expr.ts'
export type * from './form.ts'
export { broadcastIndex, pointwise, pointwiseWith } from './pointwise.ts'
export { eachIndex, positionOf, stridesOf, tabulate } from './row-major.ts'
export {
  boundSizes,
  expressions,
  indexAlong,
  namesOf,
  numbers,
  positions,
  solvePattern,
  zipNames,
  type Pattern,
} from './pattern.ts'
