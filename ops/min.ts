import { op, size } from '../lib/index.ts'
import { extremeGradient } from './max.ts'
import { extremeRule, foldAxes, foldReference, sampleAxes, type Axes, type Reduction } from './reduction.ts'
import { shift } from './shift.ts'

/** Smallest element over axes, which leave the shape; a NaN among them is the result. */
export const min: Reduction = op('min', {
  args: (...axes: readonly number[]): Axes => ({ axes }),
  rule: extremeRule,
  reference: foldReference(Number.POSITIVE_INFINITY, Math.min),
  form: foldAxes('min'),
  gradient: extremeGradient,
  flops: ([shape]) => size.prod(shape!),
  sampleAttrs: sampleAxes,
  laws: { 'a constant comes out': (f, x) => [f(shift(3)(x)), shift(3)(f(x))] },
})
