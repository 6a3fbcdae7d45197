import {
  loosely,
  op,
  size,
  type Dim,
  type Index,
  type Loose,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { einsum } from './einsum.ts'
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

const rule: Rule<RoiAttrs> = {
  sentence: ({ bins }) => `c h w, n 4 -> n c ${bins.join(' ')}`,
  infer: (shapes, { bins }) => wrongRois(shapes) ?? [shapes[1]![0]!, shapes[0]!.at(-3)!, ...bins],
  sample: sampleRois,
}
type Bins<K> = K extends readonly [infer P extends number, infer Q extends number]
  ? [P, Q]
  : K extends number
    ? [K, K]
    : [number, number]
interface RoiAlign {
  <const K extends number | readonly [number, number]>(
    options: RoiOptions & { readonly bins: K },
  ): {
    <C extends Dim, H extends Dim, W extends Dim, N extends Dim>(
      map: Tensor<[C, H, W]>,
      boxes: Tensor<[N, 4]>,
    ): Tensor<[N, C, ...Bins<K>]>
    <B extends Dim, C extends Dim, H extends Dim, W extends Dim, N extends Dim>(
      maps: Tensor<[B, C, H, W]>,
      boxes: Tensor<[N, 4]>,
      index: Index<[NoInfer<N>]>,
    ): Tensor<[N, C, ...Bins<K>]>
  }
}

/**
 * The features of boxes: a map [C, H, W] and boxes [N, 4] as x1 y1 x2 y2 -> [N, C, p, q], every bin the mean of bilinear samples. Of
 * several maps [B, C, H, W] a third input [N] says which one a box lies on. Boxes have no gradient. He et al., Mask R-CNN, 2017.
 */
export const roiAlign: RoiAlign = op('roiAlign', {
  args: roiAttrs,
  kinds: 'float, float, index -> float',
  source: 'He et al., Mask R-CNN, arXiv:1703.06870',
  rule,
  meaning: attrs => (map, boxes, index) => {
    const [h, w] = (map.shape as Shape).slice(-2) as [Dim, Dim]
    const { bins, ...common } = attrs
    const rows = roiWeights({ ...common, side: 'rows', bins: bins[0], length: h, mean: false })(boxes) as Loose
    const columns = roiWeights({ ...common, side: 'columns', bins: bins[1], length: w, mean: false })(boxes) as Loose
    const [maps, of] = index === undefined ? [map, 'c h w'] : [take(0)(map, index as never) as Loose, 'n c h w']
    const tall = loosely(einsum)(`n p h, ${of} -> n c p w`)(rows, maps)
    return loosely(einsum)('n c p w, n q w -> n c p q')(tall, columns)
  },
  flops: ([map], shape) => size.mul(2, size.mul(size.prod(shape), size.prod(map!.slice(-2)))),
  domain: roiDomain,
  laws: { 'is linear in the map': (f, x, ...more) => [f(scale(2)(x), ...more), scale(2)(f(x, ...more))] },
  sampleAttrs: draw =>
    roiAttrs({
      bins: [draw.int(1, 3), draw.int(1, 3)],
      scale: draw.pick([1, 0.25]),
      samplingRatio: draw.pick([-1, 2]),
      aligned: draw.pick([false, true]),
    }),
})
