import { op, size, wgsl } from '../lib/index.ts'
import { add } from './add.ts'
import { clamp } from './clamp.ts'
import { exp } from './exp.ts'
import { log } from './log.ts'
import { max } from './max.ts'
import { mul } from './mul.ts'
import { sub } from './sub.ts'
import { broadcastTo } from './broadcast-to.ts'
import {
  extremeRule,
  alongAxes,
  sumOfExponentials,
  fromFront,
  sampleAxes,
  type Axes,
  type Reduction,
} from './reduction.ts'
import { sum } from './sum.ts'
import { shift } from './shift.ts'

/** nearly the largest number of float32: what an infinite maximum is replaced by, so that it can be subtracted from itself */
const largest = 3.4e38

/** log(sum(exp(x))) over axes, which leave the shape, without overflow. */
export const logsumexp: Reduction = op('logsumexp', {
  args: (...axes: readonly number[]): Axes => ({ axes }),
  rule: extremeRule,
  meaning:
    ({ axes }) =>
    x => {
      const high = max(...axes)(x)
      const finite = clamp({ min: -largest, max: largest })(high)
      const e = exp(sub(x, broadcastTo(x.shape, fromFront(axes, x.shape.length))(finite)))
      return add(log(sum(...axes)(e)), finite)
    },
  form: ({ attrs, shapes }) => {
    const { rows, columns, place } = alongAxes(shapes[0]!, attrs.axes)
    return {
      form: 'reduce',
      rows,
      columns,
      passes: sumOfExponentials(place),
      finish: { per: 'row', value: folded => wgsl`(log(${folded('total')}) + ${folded('largest')})` },
    }
  },
  gradient: (dy, { inputs: [x], output, attrs: { axes } }) => {
    const spread = broadcastTo(x!.shape, fromFront(axes, x!.shape.length))
    return [mul(spread(dy), exp(sub(x!, spread(output))))]
  },
  flops: ([x]) => size.mul(3, size.prod(x!)),
  sampleAttrs: sampleAxes,
  laws: { 'a constant comes out': (f, x) => [f(shift(3)(x)), shift(3)(f(x))] },
})
