import { op, size } from '../lib/index.ts'
import { broadcastTo } from './broadcast-to.ts'
import {
  foldAxes,
  foldReference,
  fromFront,
  reductionRule,
  sampleAxes,
  type Axes,
  type Reduction,
} from './reduction.ts'

/** Sum over axes, which leave the shape: `sum(-1)`, `sum(0, 1)`. The sum of nothing is 0. */
export const sum: Reduction = op('sum', {
  args: (...axes: readonly number[]): Axes => ({ axes }),
  rule: reductionRule,
  reference: foldReference(0, (total, x) => total + x),
  form: foldAxes('sum'),
  gradient: (dy, { inputs: [x], attrs }) => [broadcastTo(x!.shape, fromFront(attrs.axes, x!.shape.length))(dy)],
  flops: ([shape]) => size.prod(shape!),
  sampleAttrs: sampleAxes,
})
