import { compare, literal, minus, op, select, size, sizeOf, type Dim, type Expr, type Loose } from '../lib/index.ts'
import type { Pooled, PoolOptions } from './avg-pool2d.ts'
import { max } from './max.ts'
import { shift } from './shift.ts'
import type { PerSide } from './window.ts'
import { poolRule, sampleWindows, under, windowAttrs, windows, type WindowAttrs } from './windows.ts'

type MaxPool2d = <const K extends PerSide, const St extends PerSide = K, const P extends PerSide = 0>(
  options: PoolOptions<K, St, P>,
) => Pooled<K, St, P>

/** padding that never wins, finite so that a device may compare it */
const lowest = -3.4e38

/** Largest element of each window of [..., H, W]; padding never wins. */
export const maxPool2d: MaxPool2d = op('maxPool2d', {
  args: (options: PoolOptions<PerSide, PerSide, PerSide>): WindowAttrs => windowAttrs(options),
  rule: poolRule,
  meaning: (attrs: WindowAttrs) => (x: Loose) => max(-2, -1)(windows({ ...attrs, value: lowest })(x) as Loose),
  form: ({ attrs, shapes: [x], shape }) => {
    // an element outside is replaced by the nearest one of the same window: that does not change the largest
    const nearest = (side: 0 | 1, at: Expr, length: Dim): Expr => {
      if (attrs.padding[side] === 0) return at
      const last = minus(sizeOf(length), 1)
      const above = select(compare(at, '<', 0), literal(0, 'index'), at)
      return select(compare(above, '>', last), last, above)
    }
    return {
      form: 'reduce',
      rows: shape,
      columns: attrs.kernel,
      passes: [
        {
          name: 'largest',
          monoid: 'max',
          value: (load, row, [u, v]) => {
            const r = nearest(0, under(attrs, 0, row.at(-2)!, u!), x!.at(-2)!)
            const c = nearest(1, under(attrs, 1, row.at(-1)!, v!), x!.at(-1)!)
            return load(0, [...row.slice(0, -2), r, c])
          },
        },
      ],
      finish: { per: 'row', value: folded => folded('largest') },
    }
  },
  flops: (_, shape, { kernel }) => size.mul(size.prod(shape), kernel[0] * kernel[1]),
  laws: { 'a constant comes out': (f, x) => [f(shift(3)(x)), shift(3)(f(x))] },
  sampleAttrs: sampleWindows,
})
