import { op, size, wgsl } from '../lib/index.ts'
import { axisRule, sampleAxis, spreadAlong, type AxisAttrs } from './along-axis.ts'
import type { Same } from './broadcast-types.ts'
import { div } from './div.ts'
import { exp } from './exp.ts'
import { max } from './max.ts'
import { mul } from './mul.ts'
import { shift } from './shift.ts'
import { sub } from './sub.ts'
import { alongAxes, sumOfExponentials } from './reduction.ts'
import { sum } from './sum.ts'

/**
 * exp(x - max) / sum(exp(x - max)) along an axis. -inf gives 0; a row of nothing but -inf has no softmax (NaN).
 */
export const softmaxOver: (axis: number) => Same = op('softmax', {
  args: (axis: number): AxisAttrs => ({ axis }),
  rule: axisRule,
  meaning:
    ({ axis }) =>
    x => {
      if (x.shape.at(axis) === 0) return x
      const spread = spreadAlong(x.shape, axis)
      const e = exp(sub(x, spread(max(axis)(x))))
      return div(e, spread(sum(axis)(e)))
    },
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
          wgsl`(exp(${load(0, place(row, column))} - ${folded('largest')}) / ${folded('total')})`,
        place,
      },
    }
  },
  gradient: (dy, { output, attrs: { axis } }) => {
    const weighted = mul(dy, output)
    const common = mul(output, spreadAlong(output.shape, axis)(sum(axis)(weighted)))
    return [sub(weighted, common)]
  },
  flops: ([x]) => size.mul(4, size.prod(x!)),
  sampleAttrs: sampleAxis,
  laws: { 'does not see a constant': (f, x) => [f(shift(3)(x)), f(x)] },
})
/** Softmax along the last axis. */
export const softmax: Same = x => softmaxOver(-1)(x)
