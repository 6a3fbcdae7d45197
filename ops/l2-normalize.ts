import { op, size, wgsl, type Draw } from '../lib/index.ts'
import { axisRule, spreadAlong } from './along-axis.ts'
import type { Same } from './broadcast-types.ts'
import { clamp } from './clamp.ts'
import { div } from './div.ts'
import { mul } from './mul.ts'
import { square } from './over-size.ts'
import { scale } from './scale.ts'
import { shift } from './shift.ts'
import { sqrt } from './sqrt.ts'
import { alongAxes } from './reduction.ts'
import { sum } from './sum.ts'

interface Attrs {
  readonly axis: number
  readonly eps: number
  readonly epsRule: 'max' | 'add'
}
/**
 * x / max(norm, eps) along one axis (the last), or x / (norm + eps) for `epsRule: 'add'`; norm = sqrt(sum(x * x)). A row of zeros has
 * no gradient (NaN).
 */
export const l2Normalize: (options?: Partial<Attrs>) => Same = op('l2Normalize', {
  args: ({ axis = -1, eps = 1e-12, epsRule = 'max' }: Partial<Attrs> = {}): Attrs => ({ axis, eps, epsRule }),
  rule: axisRule,
  meaning:
    ({ axis, eps, epsRule }: Attrs) =>
    x => {
      const norm = sqrt(sum(axis)(mul(x, x)))
      const length = epsRule === 'max' ? clamp({ min: eps })(norm) : shift(eps)(norm)
      return div(x, spreadAlong(x.shape, axis)(length))
    },
  form: ({ attrs: { axis, eps, epsRule }, shapes }) => {
    const { rows, columns, place } = alongAxes(shapes[0]!, [axis])
    return {
      form: 'reduce',
      rows,
      columns,
      passes: [
        {
          name: 'squares',
          monoid: 'sum',
          value: (load, row, column) => wgsl`${square}(${load(0, place(row, column))})`,
        },
      ],
      finish: {
        per: 'element',
        value: (folded, load, row, column) => {
          const norm = wgsl`sqrt(${folded('squares')})`
          const length = epsRule === 'max' ? wgsl`max(${norm}, ${eps})` : wgsl`(${norm} + ${eps})`
          return wgsl`(${load(0, place(row, column))} / ${length})`
        },
        place,
      },
    }
  },
  flops: ([x]) => size.mul(3, size.prod(x!)),
  laws: { 'is odd': (f, x) => [f(scale(-1)(x)), scale(-1)(f(x))] },
  sampleAttrs: (draw: Draw) => ({
    axis: draw.pick([-1, 0, 1]),
    eps: draw.pick([1e-12, 0.5]),
    epsRule: draw.pick(['max', 'add']),
  }),
})
