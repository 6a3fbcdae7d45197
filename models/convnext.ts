/**
 * ConvNeXt (Liu et al., A ConvNet for the 2020s, 2022) as timm builds it inside OpenCLIP: four stages of 7 × 7 depthwise
 * convolutions, and no norm after the last. Gives the maps of all stages: the last is fused with CLIP's tokens, all four
 * carry the features of objects.
 *
 * Parameters are named `visual.trunk.*`. The maps can be found by name: `visual.trunk.stem`, `visual.trunk.stages.0`, ….
 */
import { flow, pipe, repeat, scope, type Conv, type Dim, type Shape, type Tensor } from '../lib/index.ts'
import { add, gelu, rearrange } from '../ops/index.ts'
import { conv2d, layerNorm, layerScale, linear } from '../ops/layers/index.ts'
import { tiles } from './tiles.ts'

type Four<T> = readonly [T, T, T, T]
export interface ConvNextConfig<C extends Four<number> = Four<number>> {
  readonly depths: Four<number>
  readonly widths: C
}

type Half<H extends Dim> = Conv<H, 2, 2>
/** The maps of four stages: each has half the height and width of the one before. */
export type Pyramid<S extends Shape, C extends Four<Dim>, H extends Dim, W extends Dim> = readonly [
  Tensor<[...S, C[0], H, W]>,
  Tensor<[...S, C[1], Half<H>, Half<W>]>,
  Tensor<[...S, C[2], Half<Half<H>>, Half<Half<W>>]>,
  Tensor<[...S, C[3], Half<Half<Half<H>>>, Half<Half<Half<W>>>]>,
]

const eps = 1e-6
const channelNorm = (name: string) => layerNorm(name, { eps, axis: -3 })

const toFirst = rearrange('...s h w c -> ...s c h w')
const toLast = rearrange('...s c h w -> ...s h w c')
/** One block on [..., H, W, C], channels last, where the norm and the MLP want them. */
const blockOfPixels =
  <const C extends number>(width: C) =>
  <S extends Shape, H extends Dim, W extends Dim>(x: Tensor<[...S, H, W, C]>): Tensor<[...S, H, W, C]> => {
    const change = pipe(
      x,
      toFirst,
      conv2d('conv_dw', { out: width, kernel: 7, padding: 'same', groups: width }),
      toLast,
      layerNorm('norm', { eps }),
      scope('mlp', flow(linear('fc1', 4 * width), gelu, linear('fc2', width))),
      layerScale('gamma'),
    )
    return add(x, change)
  }
/** One block on [..., C, H, W]: x + gamma · MLP(norm(depthwise(x))), the norm and the MLP over channels. */
export const convNextBlock =
  <const C extends number>(width: C) =>
  <S extends Shape, H extends Dim, W extends Dim>(x: Tensor<[...S, C, H, W]>): Tensor<[...S, C, H, W]> =>
    pipe(x, toLast, blockOfPixels(width), toFirst)

const downsample =
  <const C extends number>(width: C) =>
  <S extends Shape, B extends Dim, H extends Dim, W extends Dim>(x: Tensor<[...S, B, H, W]>) =>
    pipe(x, channelNorm('0'), tiles('1', { out: width, kernel: 2 }))

/** [..., 3, H, W], normalised pixels, to the maps of the four stages. */
export const convNext = <const C extends Four<number>>({ depths, widths }: ConvNextConfig<C>) =>
  scope(
    'visual.trunk',
    <S extends Shape, H extends Dim, W extends Dim>(
      image: Tensor<[...S, 3, H, W]>,
    ): Pyramid<S, C, Conv<H, 4, 4>, Conv<W, 4, 4>> => {
      const stem = scope('stem', flow(tiles('0', { out: widths[0], kernel: 4 }), channelNorm('1')))
      const blocks =
        (i: 0 | 1 | 2 | 3) =>
        <T extends Shape, A extends Dim, B extends Dim, D extends number>(
          x: Tensor<[...T, D, A, B]>,
        ): Tensor<[...T, D, A, B]> =>
          pipe(x, toLast, repeat('blocks', depths[i], blockOfPixels(widths[i] as number as D)), toFirst)
      const stage = (i: 1 | 2 | 3) => scope(`stages.${i}`, flow(scope('downsample', downsample(widths[i])), blocks(i)))
      const first = pipe(image, stem, scope('stages.0', blocks(0)))
      const second = stage(1)(first)
      const third = stage(2)(second)
      return [first, second, third, stage(3)(third)]
    },
  )
