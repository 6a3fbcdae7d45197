import {
  loosely,
  op,
  size,
  type Dim,
  type Draw,
  type Index,
  type Loose,
  type Refusal,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { einsum } from './einsum.ts'
import { resampling, type ResamplingMode } from './resampling.ts'
import {
  roiAttrs,
  roiDomain,
  roiWeights,
  sampleRois,
  wrongRois,
  type RoiAttrs,
  type RoiOptions,
} from './roi-weights.ts'
import { scale } from './scale.ts'
import { take } from './take.ts'

/** A size that the map is resampled to before boxes are laid on it. */
export interface Resampled {
  readonly size: readonly [Dim, Dim]
  readonly mode?: Exclude<ResamplingMode, 'mean'>
  readonly alignCorners?: boolean
}
interface Attrs extends RoiAttrs {
  readonly resampled?: Resampled
}
const wrongMap = (map: Shape, resampled: Resampled | undefined): Refusal | undefined => {
  const side = [0, 1].find(k => resampled !== undefined && (map.at(k - 2) === 0 || resampled.size[k] === 0))
  if (side === undefined) return undefined
  const sizes = [map.at(side - 2)!, resampled!.size[side]!]
  const why = `axis ${side - 2} is ${sizes[0]} and should become ${sizes[1]}: no length may be 0`
  return { why, inputs: [0], axis: side - 2, sizes }
}
const rule: Rule<Attrs> = {
  sentence: () => 'c h w, n 4 -> n c',
  infer: (shapes, { resampled }) =>
    wrongRois(shapes) ?? wrongMap(shapes[0]!, resampled) ?? [shapes[1]![0]!, shapes[0]!.at(-3)!],
  sample: sampleRois,
}
type RoiMean = (options: RoiOptions & { readonly resampled?: Resampled }) => {
  <C extends Dim, H extends Dim, W extends Dim, N extends Dim>(
    map: Tensor<[C, H, W]>,
    boxes: Tensor<[N, 4]>,
  ): Tensor<[N, C]>
  <B extends Dim, C extends Dim, H extends Dim, W extends Dim, N extends Dim>(
    maps: Tensor<[B, C, H, W]>,
    boxes: Tensor<[N, 4]>,
    index: Index<[NoInfer<N>]>,
  ): Tensor<[N, C]>
}

/**
 * The mean of roiAlign over its bins: a map [C, H, W] and boxes [N, 4] -> [N, C]. RoI align is separable, so the mean is a^T X b with a
 * weight for every row and every column, and no bin is ever made. `resampled` says that the boxes lie on the map resampled to a size
 * (bilinear unless said): a^T (U X V^T) b is computed as (a^T U) X (V^T b), so the large map is not made either.
 */
export const roiMean: RoiMean = op('roiMean', {
  args: ({ resampled, ...options }: RoiOptions & { readonly resampled?: Resampled }): Attrs =>
    resampled === undefined ? roiAttrs(options) : { ...roiAttrs(options), resampled },
  kinds: 'float, float, index -> float',
  source: 'He et al., Mask R-CNN, arXiv:1703.06870',
  rule,
  meaning:
    ({ bins, resampled, ...common }) =>
    (map, boxes, index) => {
      const weights = (side: 0 | 1): Loose => {
        const from = (map.shape as Shape).at(side - 2)!
        const length = resampled?.size[side] ?? from
        const name = side === 0 ? 'rows' : 'columns'
        const onLarge = roiWeights({ ...common, side: name, bins: bins[side], length, mean: true })(boxes) as Loose
        if (resampled === undefined) return onLarge
        const { mode = 'bilinear', alignCorners = false } = resampled
        const matrix = resampling({ from, to: length, mode, alignCorners })
        return loosely(einsum)('n y, y h -> n h')(onLarge, matrix)
      }
      const [maps, of] = index === undefined ? [map, 'c h w'] : [take(0)(map, index as never) as Loose, 'n c h w']
      const tall = loosely(einsum)(`${of}, n w -> n c h`)(maps, weights(1))
      return loosely(einsum)('n c h, n h -> n c')(tall, weights(0))
    },
  flops: ([map], shape) => size.mul(2, size.mul(size.prod(shape), size.prod(map!.slice(-2)))),
  domain: roiDomain,
  laws: { 'is linear in the map': (f, x, ...more) => [f(scale(2)(x), ...more), scale(2)(f(x, ...more))] },
  sampleAttrs: (draw: Draw): Attrs => {
    const attrs = roiAttrs({
      bins: draw.int(1, 3),
      scale: draw.pick([1, 0.25]),
      samplingRatio: draw.pick([-1, 2]),
      aligned: draw.pick([false, true]),
    })
    return draw.pick([true, false]) ? attrs : { ...attrs, resampled: { size: [draw.int(1, 9), draw.int(1, 9)] } }
  },
})
