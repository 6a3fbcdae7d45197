import { op, type Dim, type Div, type Divisible, type Mul, type Shape, type Tensor } from '../lib/index.ts'
import { arranged } from './arranged.ts'

interface Attrs {
  readonly factor: number
}
/** [.., C f f, H, W] -> [.., C, H f, W f]: channel (c f + i) f + j gives rows i and columns j modulo f of channel c. Shi et al. 2016. */
export const pixelShuffle: <const F extends number>(
  factor: F,
) => <S extends Shape, C extends Dim, H extends Dim, W extends Dim>(
  x: Tensor<[...S, Divisible<C, Mul<F, F>>, H, W]>,
) => Tensor<[...S, Div<C, Mul<F, F>>, Mul<H, F>, Mul<W, F>]> = op('pixelShuffle', {
  args: (factor: number): Attrs => ({ factor }),
  source: 'https://arxiv.org/abs/1609.05158',
  ...arranged<Attrs>('...s (c i j) h w -> ...s c (h i) (w j)', ({ factor }) => ({ i: factor, j: factor })),
  sampleAttrs: draw => ({ factor: draw.int(1, 3) }),
})

/** [.., C, H f, W f] -> [.., C f f, H, W]: the inverse of pixelShuffle. */
export const pixelUnshuffle: <const F extends number>(
  factor: F,
) => <S extends Shape, C extends Dim, H extends Dim, W extends Dim>(
  x: Tensor<[...S, C, Divisible<H, F>, Divisible<W, F>]>,
) => Tensor<[...S, Mul<C, Mul<F, F>>, Div<H, F>, Div<W, F>]> = op('pixelUnshuffle', {
  args: (factor: number): Attrs => ({ factor }),
  source: 'https://arxiv.org/abs/1609.05158',
  ...arranged<Attrs>('...s c (h i) (w j) -> ...s (c i j) h w', ({ factor }) => ({ i: factor, j: factor })),
  sampleAttrs: draw => ({ factor: draw.int(1, 3) }),
})
