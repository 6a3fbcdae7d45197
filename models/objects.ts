/**
 * Features of the objects in boxes: RoIAlign of all maps at the size of the finest, averaged over its bins. Source:
 * PhoenixZ810/MG-LLaVA:mg_llava/module/fuse_model.py (align_box). `roiMean` folds up-sampling into every map, so neither
 * the joined map (2880 × 192 × 192) nor any bin of a box (56 × 56) exists.
 */
import { loosely, scope, type AnyTensor, type Dim, type Loose } from '../lib/index.ts'
import { concat, iota, rearrange, roiMean } from '../ops/index.ts'

export interface PoolingOptions {
  /** bins of RoIAlign, per side */
  readonly bins: number
  /** of the picture that the boxes lie on */
  readonly size: readonly [width: number, height: number]
}
/**
 * Maps [C, H, W] of all stages, finest first, and boxes [N, 4] as x1, y1, x2, y2: [N, sum of all C]. Of several pictures, maps
 * [P, C, H, W] and boxes [P, N, 4]: [P, N, sum of all C].
 */
export const pooledFeatures = ({ bins, size: [width] }: PoolingOptions) =>
  scope('box_features', (maps: readonly AnyTensor[], boxes: AnyTensor): Loose => {
    const [rows, columns] = maps[0]!.shape.slice(-2) as [number, number]
    const options = { bins, scale: columns / width }
    const resampled = { size: [rows, columns] }
    const pooled = (list: AnyTensor, ...picture: readonly AnyTensor[]): Loose => {
      const each = maps.map((map, stage) =>
        loosely(roiMean)(stage === 0 ? options : { ...options, resampled })(map, list, ...picture),
      )
      return loosely(concat)(-1)(...each)
    }
    if (boxes.shape.length === 2) return pooled(boxes)
    const [p, n] = boxes.shape as readonly [Dim, Dim, 4]
    const ofEach = loosely(rearrange)('p -> (p n)', { n })(iota(p))
    const features = pooled(loosely(rearrange)('p n c -> (p n) c')(boxes), ofEach)
    return loosely(rearrange)('(p n) e -> p n e', { p, n })(features)
  })
