/**
 * Mini-Gemini (Li et al., Mini-Gemini: mining the potential of multi-modality vision language models, 2024). As it is, it is `mgLlava` with
 * patch info mining as its fusion and no boxes: the preset miniGeminiVicuna7b. Its HD mode shows CLIP the picture at twice the size, once as
 * a whole and then in four quarters, and mines the maps of the other tower for each of these. Source:
 * dvlab-research/MGM:mgm/model/mgm_arch.py (encode_images).
 */
import { inputOf, loosely, named, pipe, scope, type Loose, type Mul, type Shape } from '../../lib/index.ts'
import { concat, interpolate, rearrange } from '../../ops/index.ts'
import { clip } from '../clip.ts'
import { convNext } from '../convnext.ts'
import { pyramid } from '../fusion.ts'
import { readBetween, type LlavaParts, type Logits, type LowGrid, type MgParts } from '../mg-llava.ts'
import { mlp2 } from '../projector.ts'

export type MiniGeminiParts = LlavaParts & Pick<MgParts, 'imageSize' | 'convNext' | 'fusion'>

/** A map [C, 2 H, 2 W] at half its size, then its quarters, row after row: [5, C, H, W]. */
const wholeAndQuarters = (map: Loose): Loose => {
  const size = (map.shape as Shape).slice(-2).map(length => Number(length) / 2)
  const whole = pipe(map, loosely(interpolate)({ size }), loosely(rearrange)('c h w -> 1 c h w'))
  const quarters = loosely(rearrange)('c (i h) (j w) -> (i j) c h w', { i: 2, j: 2 })(map)
  return loosely(concat)(0)(whole, quarters)
}

/**
 * Logits from `image` [3, 2 lowSize, 2 lowSize], `detail` [3, imageSize, imageSize] and ids. Tokens of the picture are those of the whole,
 * then of the quarters: five grids.
 */
export const miniGeminiHd = <const P extends MiniGeminiParts>(
  parts: P,
): Logits<P, Mul<5, Mul<LowGrid<P>, LowGrid<P>>>> => {
  const { lowSize, imageSize, projector = mlp2 } = parts
  const image = inputOf('image', [3, 2 * lowSize, 2 * lowSize]) as Loose
  const stages = convNext(parts.convNext)(inputOf('detail', [3, imageSize, imageSize]))
  const low = named('E_L')(clip(parts.clip)(wholeAndQuarters(image) as never)) as Loose
  const [high, map] = [stages[3] as Loose, pyramid(stages)].map(wholeAndQuarters) as [Loose, Loose]
  const fused = named('E_F')(parts.fusion({ low, high, maps: [map] }))
  const tokens = loosely(rearrange)('v n c -> (v n) c')(fused)
  const picture = scope('projector', projector(parts.llm.width))(tokens)
  return readBetween(parts)(named('picture')(picture))
}
