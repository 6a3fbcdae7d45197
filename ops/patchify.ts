import { op, type Dim, type Div, type Divisible, type Mul, type Shape, type Tensor } from '../lib/index.ts'
import { arranged } from './arranged.ts'

interface Attrs {
  readonly patch: number
}
/** [.., C, H, W] -> [.., (H/p)(W/p), C p p]: patches row-major; within a patch channel, row, column, as the weight of a convolution lies. */
export const patchify: <const P extends number>(
  patch: P,
) => <S extends Shape, C extends Dim, H extends Dim, W extends Dim>(
  x: Tensor<[...S, C, Divisible<H, P>, Divisible<W, P>]>,
) => Tensor<[...S, Mul<Div<H, P>, Div<W, P>>, Mul<C, Mul<P, P>>]> = op('patchify', {
  args: (patch: number): Attrs => ({ patch }),
  ...arranged<Attrs>('...s c (h p) (w q) -> ...s (h w) (c p q)', ({ patch }) => ({ p: patch, q: patch })),
  sampleAttrs: draw => ({ patch: draw.int(1, 4) }),
})
