import { constant, op, size, type Gradient } from '../lib/index.ts'
import { broadcastTo } from './broadcast-to.ts'
import { div } from './div.ts'
import { equal } from './equal.ts'
import { extremeRule, foldAxes, foldReference, fromFront, sampleAxes, type Axes, type Reduction } from './reduction.ts'
import { sum } from './sum.ts'
import { where } from './where.ts'
import { shift } from './shift.ts'

/** The cotangent goes to the extreme element, in equal parts where there are several. */
export const extremeGradient: Gradient<Axes> = (dy, { inputs: [x], output, attrs }) => {
  const folded = fromFront(attrs.axes, x!.shape.length)
  const spread = broadcastTo(x!.shape, folded)
  const chosen = equal(x!, spread(output))
  const count = sum(...folded)(where(chosen, constant(1), constant(0)))
  return [where(chosen, spread(div(dy, count)), constant(0))]
}

/** Largest element over axes, which leave the shape; a NaN among them is the result. */
export const max: Reduction = op('max', {
  args: (...axes: readonly number[]): Axes => ({ axes }),
  rule: extremeRule,
  reference: foldReference(Number.NEGATIVE_INFINITY, Math.max),
  form: foldAxes('max'),
  gradient: extremeGradient,
  flops: ([shape]) => size.prod(shape!),
  sampleAttrs: sampleAxes,
  laws: { 'a constant comes out': (f, x) => [f(shift(3)(x)), shift(3)(f(x))] },
})
