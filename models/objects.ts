/**
 * Features of the objects in boxes: RoIAlign of all maps at the size of the finest, averaged over its bins. Source:
 * PhoenixZ810/MG-LLaVA:mg_llava/module/fuse_model.py (align_box). `roiMean` folds up-sampling into every map, so neither
 * the joined map (2880 × 192 × 192) nor any bin of a box (56 × 56) exists.
 */
import { loosely, scope, type AnyTensor, type Dim, type Tensor } from '../lib/index.ts'
import { concat, roiMean } from '../ops/index.ts'

export interface PoolingOptions {
  /** bins of RoIAlign, per side */
  readonly bins: number
  /** of the picture that the boxes lie on */
  readonly size: readonly [width: number, height: number]
}
/** Maps [C, H, W] of all stages, finest first, and boxes [N, 4] as x1, y1, x2, y2: [N, sum of all C]. */
export const pooledFeatures = ({ bins, size: [width] }: PoolingOptions) =>
  scope('box_features', <N extends Dim>(maps: readonly AnyTensor[], boxes: Tensor<[N, 4]>): Tensor<[N, Dim]> => {
    const [rows, columns] = maps[0]!.shape.slice(-2) as [number, number]
    const options = { bins, scale: columns / width }
    const resampled = { size: [rows, columns] }
    const pooled = maps.map((map, stage) =>
      loosely(roiMean)(stage === 0 ? options : { ...options, resampled })(map, boxes),
    )
    return loosely(concat)(-1)(...pooled)
  })
