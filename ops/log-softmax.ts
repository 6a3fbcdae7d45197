import { exp } from './exp.ts'
import { op, size, wgsl } from '../lib/index.ts'
import { axisRule, sampleAxis, spreadAlong, type AxisAttrs } from './along-axis.ts'
import type { Same } from './broadcast-types.ts'
import { logsumexp } from './logsumexp.ts'
import { mul } from './mul.ts'
import { shift } from './shift.ts'
import { sub } from './sub.ts'
import { alongAxes, sumOfExponentials } from './reduction.ts'
import { sum } from './sum.ts'

/** x - logsumexp(x) along an axis. */
export const logSoftmaxOver: (axis: number) => Same = op('logSoftmax', {
  args: (axis: number): AxisAttrs => ({ axis }),
  rule: axisRule,
  meaning:
    ({ axis }) =>
    x =>
      x.shape.at(axis) === 0 ? x : sub(x, spreadAlong(x.shape, axis)(logsumexp(axis)(x))),
  form: ({ attrs, shapes }) => {
    const { rows, columns, place } = alongAxes(shapes[0]!, [attrs.axis])
    return {
      form: 'reduce',
      rows,
      columns,
      passes: sumOfExponentials(place),
      finish: {
        per: 'element',
        value: (folded, load, row, column) =>
          wgsl`(${load(0, place(row, column))} - ${folded('largest')} - log(${folded('total')}))`,
        place,
      },
    }
  },
  gradient: (dy, { output, attrs: { axis } }) => {
    const total = spreadAlong(output.shape, axis)(sum(axis)(dy))
    return [sub(dy, mul(exp(output), total))]
  },
  flops: ([x]) => size.mul(4, size.prod(x!)),
  sampleAttrs: sampleAxis,
  laws: { 'does not see a constant': (f, x) => [f(shift(3)(x)), f(x)] },
})
/** Logarithm of softmax along the last axis. */
export const logSoftmax: Same = x => logSoftmaxOver(-1)(x)
