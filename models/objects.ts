/**
 * Features of the objects in boxes: RoIAlign of all maps at the size of the finest, averaged over its bins (He et al.,
 * Mask R-CNN, 2017; PhoenixZ810/MG-LLaVA:mg_llava/module/fuse_model.py, align_box). The mean over bins is a^T F b with a
 * weight for every row and column, and up-sampling a map X is U X U^T; so each map is asked with U^T a and U^T b, and
 * neither the joined map (2880 × 192 × 192) nor any bin exists.
 */
import { loosely, type AnyTensor, type Dim, type Loose, type Tensor } from '../lib/index.ts'
import { concat, einsum, resampling, roiWeights } from '../ops/index.ts'

export interface PoolingOptions {
  /** bins of RoIAlign, per side */
  readonly bins: number
  /** of the picture that the boxes lie on */
  readonly size: readonly [width: number, height: number]
}
/** Maps [C, H, W] of all stages, finest first, and boxes [N, 4] as x1, y1, x2, y2: [N, sum of all C]. */
export const pooledFeatures =
  ({ bins, size: [width, height] }: PoolingOptions) =>
  <N extends Dim>(maps: readonly AnyTensor[], boxes: Tensor<[N, 4]>): Tensor<[N, Dim]> => {
    const [rows, columns] = maps[0]!.shape.slice(-2) as [number, number]
    const mean = { bins, samplingRatio: -1, aligned: false, mean: true }
    const ofRows = roiWeights({ ...mean, side: 'rows', scale: rows / height, length: rows })(boxes)
    const ofColumns = roiWeights({ ...mean, side: 'columns', scale: columns / width, length: columns })(boxes)
    const pooled = maps.map(map => {
      const [h, w] = map.shape.slice(-2) as [Dim, Dim]
      const folded = loosely(einsum)('n h, c h w -> n c w')(onMap(ofRows, rows, h), map)
      return loosely(einsum)('n c w, n w -> n c')(folded, onMap(ofColumns, columns, w))
    })
    return loosely(concat)(-1)(...pooled)
  }
/** Weights of an up-sampled axis as weights of the axis itself. */
const onMap = (weights: AnyTensor, to: Dim, from: Dim): Loose =>
  from === to
    ? (weights as Loose)
    : loosely(einsum)('n y, y h -> n h')(weights, resampling({ from, to, mode: 'bilinear' }))
