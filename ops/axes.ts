/** Axes given by number, counted from the end where negative, and the refusal of an axis that does not exist. */
import { showShape, type Refusal, type Shape } from '../lib/index.ts'

/** The axis counted from the front. */
export const axisFromFront = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

/** A refusal where one of the axes does not exist in input k, or is named twice. */
export const wrongAxis = (axes: readonly number[], shape: Shape, k = 0): Refusal | undefined => {
  const rank = shape.length
  const missing = axes.find(a => !Number.isInteger(a) || a < -rank || a >= rank)
  if (missing !== undefined)
    return {
      why: `a tensor of rank ${rank} has no axis ${missing} (${showShape(shape)})`,
      inputs: [k],
      axis: missing,
      sizes: [rank],
    }
  const front = axes.map(a => axisFromFront(a, rank))
  const twice = axes.find((_, i) => front.indexOf(front[i]!) !== i)
  if (twice === undefined) return undefined
  return { why: `axis ${twice} appears twice`, inputs: [k], axis: twice, sizes: [] }
}
/** Are two shapes equal? */
export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, k) => d === b[k])
/** The shape with the size of one axis replaced by any number of sizes. */
export const replaceAxis = (shape: Shape, axis: number, ...sizes: Shape): Shape => [
  ...shape.slice(0, axis),
  ...sizes,
  ...shape.slice(axis + 1),
]
