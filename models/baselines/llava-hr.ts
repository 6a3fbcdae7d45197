/**
 * LLaVA-HR (Luo et al., Feast your eyes: mixture-of-resolution adaptation for multimodal large language models, 2024). Its adapter is
 * Conv-Gate, used inside CLIP after a quarter, a half and three quarters of the layers instead of once behind it; both towers are joined
 * once more at the end. Both see the same picture. Source:
 * luogen1996/LLaVA-HR:llava_hr/model/multimodal_encoder/multipath_encoder_wapper.py and clip_encoder.py.
 *
 * Parameters of the adapters are named `align_stages_latent.{0,1,2}`, those of the join `align_stages.0`.
 */
import { flow, inputOf, loosely, named, pipe, scope, type Loose, type Mul } from '../../lib/index.ts'
import { add, interpolate, rearrange } from '../../ops/index.ts'
import { layerNorm, linear } from '../../ops/layers/index.ts'
import { clipEmbeddings, clipLayer, layersRun, withoutClass } from '../clip.ts'
import { convNext } from '../convnext.ts'
import { align, gateHigh, sum } from '../fusion.ts'
import { ontoGrid, type Grid } from '../grid.ts'
import { readBetween, type LlavaParts, type Logits, type LowGrid, type MgParts } from '../mg-llava.ts'
import { mlp2 } from '../projector.ts'

export interface LlavaHrParts extends LlavaParts, Pick<MgParts, 'imageSize' | 'convNext'> {
  /** how many layers are run before each adapter; none while the towers are frozen */
  readonly adapters: readonly number[]
}

const join = <C extends LlavaHrParts['clip']>({ width }: C) =>
  scope('align_stages.0', (low: Loose, high: Loose) =>
    named('E_F')(add(linear('fast_proj', width)(low), linear('slow_proj', width)(high))),
  )
/** Logits from `image` [3, imageSize, imageSize] and ids. */
export const llavaHr = <const P extends LlavaHrParts>(parts: P): Logits<P, Mul<LowGrid<P>, LowGrid<P>>> => {
  const { clip, lowSize, imageSize, adapters, projector = mlp2 } = parts
  const image = inputOf('image', [3, imageSize, imageSize])
  const high = named('E_H')(convNext(parts.convNext)(image)[3]) as Loose
  const small = interpolate({ size: [lowSize, lowSize], alignCorners: true })(image)
  const side = Math.floor(lowSize / clip.patch)
  const grid: Grid = [side, side]
  const start = scope('vision_model', flow(clipEmbeddings(clip), withoutClass, layerNorm('pre_layrnorm', clip)))
  const adapt = flow(align, gateHigh, sum)
  const layer = (x: Loose, i: number): Loose => {
    const low = scope(`vision_model.encoder.layers.${i}`, clipLayer(clip))(x) as Loose
    const k = adapters.indexOf(i + 1)
    return k < 0 ? low : (scope(`align_stages_latent.${k}`, adapt)({ low, high, maps: [], grid }) as Loose)
  }
  const low = named('E_L')([...Array(layersRun(clip)).keys()].reduce(layer, start(small as Loose)))
  const fine = pipe(high, ontoGrid(grid), loosely(rearrange)('c h w -> (h w) c'))
  const picture = scope('projector', projector(parts.llm.width))(join(clip)(low, fine))
  return readBetween(parts)(named('picture')(picture))
}
