/**
 * A resampler whose queries each read a region of their own, so that a map of any shape becomes as many tokens, each from where it belongs.
 * Source: thunlp/LLaVA-UHD, version 1: llava/model/multimodal_projector/adapt_spatial_resampler.py (AdaptSpatialResampler).
 */
import { loosely, param, table, type Loose } from '../lib/index.ts'
import { einsum, rearrange, roiWeights } from '../ops/index.ts'
import { nearestShape, resizeGrid } from './grid.ts'
import { multiHead, readByQueries, type LookUp, type Projector } from './projector.ts'

/** What a region is resampled to. */
const regionGrids = [
  [2, 4],
  [2, 3],
  [3, 4],
  [3, 3],
  [4, 2],
  [3, 2],
  [4, 3],
] as const

/** Tokens [..., height · width, C] as those of side × side regions: [..., side², n, C]. RoIAlign, which is separable. */
const inRegions = (side: number, height: number, width: number): ((x: Loose) => Loose) => {
  const [rows, columns] = nearestShape(width / height, regionGrids)
  const edges = Array.from({ length: side }, (_, k) => [k * width, k * height, (k + 1) * width, (k + 1) * height])
  const boxes = table(
    edges.flat().map(at => at / side),
    [side, 4],
  )
  const axis = { scale: 1, samplingRatio: -1, aligned: false, mean: false }
  const tall = roiWeights({ ...axis, side: 'rows', bins: rows, length: height })(boxes)
  const wide = roiWeights({ ...axis, side: 'columns', bins: columns, length: width })(boxes)
  return x => {
    const map = loosely(rearrange)('...s (h w) c -> ...s h w c', { h: height })(x)
    const bands = loosely(einsum)('i p h, ...s h w c -> ...s i p w c')(tall, map)
    const regions = loosely(einsum)('j q w, ...s i p w c -> ...s i j p q c')(wide, bands)
    return loosely(rearrange)('...s i j p q c -> ...s (i j) (p q) c')(regions)
  }
}

/** side² learned queries read tokens [..., height · width, C] of a map: [..., side², D]. Parameters as those of `resampler`. */
export const regionResampler =
  ({
    heads,
    side,
    grid: [height, width],
  }: {
    readonly heads: number
    readonly side: number
    readonly grid: readonly [number, number]
  }): Projector =>
  outputWidth =>
  x => {
    const places = param('pos_embed', [side * side, outputWidth], { init: 'sine grid' }) as Loose
    const region = inRegions(side, height, width)
    const lookUp: LookUp = (queries, keys, values) => {
      const each = loosely(rearrange)('...s n c -> ...s n 1 c')(queries)
      const read = multiHead(heads)(each, region(keys), region(values))
      return loosely(rearrange)('...s n 1 c -> ...s n c')(read)
    }
    return readByQueries(heads, lookUp)(x, places, resizeGrid([side, side], [height, width])(places))
  }
