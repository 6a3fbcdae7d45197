import {
  constant,
  literal,
  op,
  size,
  wgsl,
  type Conv,
  type Dim,
  type Expr,
  type Fits,
  type Loose,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { div } from './div.ts'
import { scale } from './scale.ts'
import { sum } from './sum.ts'
import type { Columns, PerSide, Rows } from './window.ts'
import { onAxis, orElse, poolRule, sampleWindows, under, windowAttrs, windows, type WindowAttrs } from './windows.ts'

export interface PoolOptions<K extends PerSide, St extends PerSide, P extends PerSide> {
  /** height and width of the window, together or each */
  readonly kernel: K
  /** as the kernel unless said */
  readonly stride?: St
  /** on every side, 0 unless said; at most half a window */
  readonly padding?: P
}
/** Pooling of a map: [..., H, W] -> [..., H', W'] with H' = floor((H + 2 padding - kernel) / stride) + 1. */
export type Pooled<K extends PerSide, St extends PerSide, P extends PerSide> = <
  S extends Shape,
  H extends Dim,
  W extends Dim,
>(
  x: Tensor<[...S, Fits<H, Rows<K>, Rows<P>>, Fits<W, Columns<K>, Columns<P>>]>,
) => Tensor<[...S, Conv<H, Rows<K>, Rows<St>, Rows<P>>, Conv<W, Columns<K>, Columns<St>, Columns<P>>]>

interface Attrs extends WindowAttrs {
  readonly countPadding: boolean
}
type AvgPool2d = <const K extends PerSide, const St extends PerSide = K, const P extends PerSide = 0>(
  options: PoolOptions<K, St, P> & { readonly countPadding?: boolean },
) => Pooled<K, St, P>

/** Mean of each window of [..., H, W]. `countPadding: false` divides by the number of elements that are on the map. */
export const avgPool2d: AvgPool2d = op('avgPool2d', {
  args: ({
    countPadding = true,
    ...options
  }: PoolOptions<PerSide, PerSide, PerSide> & { readonly countPadding?: boolean }): Attrs => ({
    ...windowAttrs(options),
    countPadding,
  }),
  rule: poolRule,
  meaning:
    ({ kernel, stride, padding, countPadding }: Attrs) =>
    (x: Loose) => {
      const total = (map: Loose): Loose => sum(-2, -1)(windows({ kernel, stride, padding })(map) as Loose) as Loose
      if (countPadding) return scale(1 / (kernel[0] * kernel[1]))(total(x))
      return div(total(x), total(constant(1, (x.shape as Shape).slice(-2)) as Loose))
    },
  form: ({ attrs, shapes: [x], shape }) => {
    const { kernel, countPadding } = attrs
    const value = (of: (at: readonly Expr[]) => Expr, row: readonly Expr[], column: readonly Expr[]): Expr => {
      const [r, c] = [under(attrs, 0, row.at(-2)!, column[0]!), under(attrs, 1, row.at(-1)!, column[1]!)]
      const inside = [onAxis(attrs, 0, r, x!.at(-2)!), onAxis(attrs, 1, c, x!.at(-1)!)]
      return orElse(inside, of([...row.slice(0, -2), r, c]), 0)
    }
    return {
      form: 'reduce',
      rows: shape,
      columns: kernel,
      passes: [
        { name: 'total', monoid: 'sum', value: (load, row, column) => value(at => load(0, at), row, column) },
        ...(countPadding
          ? []
          : [
              {
                name: 'count',
                monoid: 'sum' as const,
                value: (_: unknown, row: readonly Expr[], column: readonly Expr[]) =>
                  value(() => literal(1), row, column),
              },
            ]),
      ],
      finish: {
        per: 'row',
        value: folded => wgsl`(${folded('total')} / ${countPadding ? kernel[0] * kernel[1] : folded('count')})`,
      },
    }
  },
  flops: (_, shape, { kernel }) => size.mul(size.prod(shape), kernel[0] * kernel[1]),
  laws: { 'is linear': (f, x) => [f(scale(2)(x)), scale(2)(f(x))] },
  sampleAttrs: draw => ({ ...sampleWindows(draw), countPadding: draw.pick([true, false]) }),
})
