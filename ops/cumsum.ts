import { compare, literal, op, select, size, stridesOf } from '../lib/index.ts'
import { axisRule, sampleAxis, type AxisAttrs } from './along-axis.ts'
import { axisFromFront } from './axes.ts'
import type { Same } from './broadcast-types.ts'
import { flip } from './flip.ts'

/** The running sum along an axis, the element itself included. */
export const cumsum: (axis: number) => Same = op('cumsum', {
  args: (axis: number): AxisAttrs => ({ axis }),
  rule: axisRule,
  reference: ([x], { attrs, shape }) => {
    const axis = axisFromFront(attrs.axis, shape.length)
    const step = stridesOf(shape)[axis]!
    const out = Float64Array.from(x!.data)
    for (let i = 0; i < out.length; i++) if (Math.floor(i / step) % shape[axis]! > 0) out[i] = out[i]! + out[i - step]!
    return out
  },
  form: ({ attrs, shape }) => {
    const axis = axisFromFront(attrs.axis, shape.length)
    return {
      form: 'reduce',
      rows: shape,
      columns: [shape[axis]!],
      passes: [
        {
          name: 'total',
          monoid: 'sum',
          value: (load, row, [column]) => {
            const element = load(0, [...row.slice(0, axis), column!, ...row.slice(axis + 1)])
            return select(compare(column!, '<=', row[axis]!), element, literal(0))
          },
        },
      ],
      finish: { per: 'row', value: folded => folded('total') },
    }
  },
  gradient: (dy, { attrs: { axis } }) => [flip(axis)(cumsum(axis)(flip(axis)(dy)))],
  flops: (_, shape) => size.prod(shape),
  sampleAttrs: sampleAxis,
})
