import { op, size, wgsl } from '../lib/index.ts'
import { aboutMean } from './about-mean.ts'
import { broadcastTo } from './broadcast-to.ts'
import { mean } from './mean.ts'
import { mul } from './mul.ts'
import { shift } from './shift.ts'
import { sub } from './sub.ts'
import { fromFront, reductionRule, sampleAxes, type Axes, type Reduction } from './reduction.ts'

/** Mean of the squared distances from the mean over axes, which leave the shape: divided by n, not n - 1. */
export const variance: Reduction = op('variance', {
  args: (...axes: readonly number[]): Axes => ({ axes }),
  rule: reductionRule,
  meaning:
    ({ axes }) =>
    x => {
      const spread = broadcastTo(x.shape, fromFront(axes, x.shape.length))
      const distance = sub(x, spread(mean(...axes)(x)))
      return mean(...axes)(mul(distance, distance))
    },
  form: ({ attrs, shapes }) => {
    const { rows, columns, count, passes } = aboutMean(shapes[0]!, attrs.axes)
    return {
      form: 'reduce',
      rows,
      columns,
      passes,
      finish: { per: 'row', value: folded => wgsl`(${folded('squares')} / ${count})` },
    }
  },
  flops: ([x]) => size.mul(4, size.prod(x!)),
  sampleAttrs: sampleAxes,
  laws: { 'does not see a constant': (f, x) => [f(shift(3)(x)), f(x)] },
})
