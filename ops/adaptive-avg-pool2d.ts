import { loosely, op, size, type Dim, type Draw, type Loose, type Rule, type Shape, type Tensor } from '../lib/index.ts'
import { einsum } from './einsum.ts'
import { resizeRule } from './interpolate.ts'
import { reduce } from './reduce.ts'
import { resampling } from './resampling.ts'
import { shift } from './shift.ts'
import type { Pair } from './window.ts'

interface Attrs {
  readonly size: Pair<Dim>
}
type AdaptiveAvgPool2d = <const H2 extends Dim, const W2 extends Dim>(
  size: readonly [H2, W2],
) => <S extends Shape, H extends Dim, W extends Dim>(x: Tensor<[...S, H, W]>) => Tensor<[...S, H2, W2]>

/**
 * Means of [..., H, W] over h x w shares of the map: row i of the result is the mean of rows floor(i H / h) up to, excluding,
 * ceil((i + 1) H / h); columns alike.
 */
export const adaptiveAvgPool2d: AdaptiveAvgPool2d = op('adaptiveAvgPool2d', {
  args: (to: Pair<Dim>): Attrs => ({ size: to }),
  rule: resizeRule as Rule<Attrs>,
  meaning:
    ({ size: [rows, columns] }: Attrs) =>
    (x: Loose) => {
      const [h, w] = (x.shape as Shape).slice(-2) as [Dim, Dim]
      const [p, q] = [size.div(h, rows), size.div(w, columns)]
      if (typeof p === 'number' && typeof q === 'number')
        return loosely(reduce)('mean', '...s (y p) (x q) -> ...s y x', { p, q })(x)
      const tall = loosely(einsum)('y h, ...s h w -> ...s y w')(resampling({ from: h, to: rows, mode: 'mean' }), x)
      return loosely(einsum)('...s y w, x w -> ...s y x')(tall, resampling({ from: w, to: columns, mode: 'mean' }))
    },
  flops: ([x]) => size.prod(x!),
  laws: { 'a constant comes out': (f, x) => [f(shift(3)(x)), shift(3)(f(x))] },
  sampleAttrs: (draw: Draw): Attrs => ({ size: [draw.int(1, 5), draw.int(1, 5)] }),
})
