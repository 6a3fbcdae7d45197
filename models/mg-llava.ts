/**
 * MG-LLaVA (Zhao et al., MG-LLaVA: towards multi-granularity visual instruction tuning, 2024): a low-resolution tower, a
 * high-resolution one, a fusion of both, tokens for the objects in boxes, a language model. One function of its parts:
 * another fusion, another use of the boxes, another language model is another part, and without a high-resolution tower
 * it is LLaVA-1.5 (Liu et al., Improved baselines with visual instruction tuning, 2023).
 *
 *   mgLlava({ ...mgLlavaVicuna7b, fusion: fusion(flow(align, side)) })
 *
 * Values inside can be found by name: `E_L`, `E_H`, `R`, `E_F`, `picture`, `objects`, `sequence`, those of the parts, and
 * those of the language model under `llm`.
 */
import {
  indexInput,
  inputOf,
  loosely,
  named,
  scope,
  type AnyTensor,
  type Conv,
  type Dim,
  type Index,
  type Loose,
  type Mul,
  type Shape,
  type Sum,
  type Tensor,
} from '../lib/index.ts'
import { concat, iota } from '../ops/index.ts'
import type { BoxMerging } from './box-merging.ts'
import { boxPositions } from './box-positions.ts'
import { clip, type ClipConfig } from './clip.ts'
import { convNext, type ConvNextConfig } from './convnext.ts'
import { embed, head, nextToken, transform, type Attend, type LlamaConfig } from './llama.ts'
import { pooledFeatures } from './objects.ts'
import { mlp2, type Projector } from './projector.ts'

/** A low-resolution tower and a language model: LLaVA-1.5. */
export interface LlavaParts {
  /** side of the low-resolution input */
  readonly lowSize: number
  readonly clip: ClipConfig
  /** makes the picture's tokens; two linear layers unless said */
  readonly projector?: Projector
  readonly llm: LlamaConfig
}
/** What MG-LLaVA adds. The grids of both towers must be equal: lowSize / patch = imageSize / 32. */
export interface MgParts {
  /** side of the high-resolution input, on which the boxes lie */
  readonly imageSize: number
  readonly convNext: ConvNextConfig
  readonly fusion: (views: {
    readonly low: Loose
    readonly high: Loose
    readonly maps: readonly AnyTensor[]
  }) => AnyTensor
  /** what becomes of the objects in boxes; nothing unless said */
  readonly boxes?: BoxMerging
  /** makes the objects' tokens; two linear layers unless said */
  readonly boxProjector?: Projector
  /** bins of RoIAlign, per side */
  readonly bins?: number
}
export type MgLlavaParts = LlavaParts | (LlavaParts & MgParts)

/** Rows, or columns, of the low-resolution tower's tokens. */
export type LowGrid<P extends LlavaParts> = Conv<P['lowSize'], P['clip']['patch'], P['clip']['patch']>
type Picture<P extends MgLlavaParts> = P extends { readonly projector: Projector } ? Dim : Mul<LowGrid<P>, LowGrid<P>>
type Objects<P extends MgLlavaParts> = P extends { readonly boxes: (...m: never[]) => { readonly objects: AnyTensor } }
  ? 'boxes'
  : 0
/** Scores of the next token, after each of so many tokens of a picture and the text around them. */
export type Logits<P extends Pick<LlavaParts, 'llm'>, N extends Dim> = Tensor<
  [Sum<['before', N, 'after']>, P['llm']['vocabulary']]
>

/** What is shown to the towers. Several pictures are axes in front of all of it. */
export interface Shown {
  /** [3, lowSize, lowSize], normalised pixels */
  readonly image: AnyTensor
  /** [3, imageSize, imageSize]; needed by the high-resolution tower */
  readonly detail?: AnyTensor
  /** [boxes, 4], x1, y1, x2, y2 on `detail`; needed where boxes are used */
  readonly boxes?: AnyTensor
  /** which boxes there are, [boxes], where pictures of a batch have different numbers of them; all unless said */
  readonly known?: AnyTensor
}
/** The inputs of a model with these parts. */
export const shown = (parts: MgLlavaParts): Shown => ({
  image: inputOf('image', [3, parts.lowSize, parts.lowSize]),
  ...('convNext' in parts ? { detail: inputOf('detail', [3, parts.imageSize, parts.imageSize]) } : {}),
  ...('boxes' in parts ? { boxes: inputOf('boxes', ['boxes', 4]) } : {}),
})

/** What the towers give of a picture: all that is left of it where they are frozen. Several pictures are axes in front of all of it. */
export interface TowerViews {
  /** tokens of the low-resolution tower, [tokens, C] */
  readonly low: AnyTensor
  /** maps of the high-resolution one, finest first, [C, H, W] each */
  readonly maps: readonly AnyTensor[]
  /** pooled features of the boxes, [boxes, sum of all C], and where they lie, [boxes, 4] */
  readonly features?: AnyTensor
  readonly places?: AnyTensor
  readonly known?: AnyTensor | undefined
}
/** From pixels and boxes to what the towers give of them. */
export const towerViews =
  (parts: MgLlavaParts) =>
  ({ image, detail, boxes, known }: Shown): TowerViews => {
    const low = named('E_L')(clip(parts.clip)(image as Loose)) as Loose
    if (!('convNext' in parts)) return { low, maps: [] }
    const stages: readonly AnyTensor[] = convNext(parts.convNext)(detail as Loose)
    const maps = [...stages.slice(0, -1), named('E_H')(stages.at(-1) as Loose)]
    if (parts.boxes === undefined) return { low, maps }
    const pool = pooledFeatures({ bins: parts.bins ?? 56, size: [parts.imageSize, parts.imageSize] })
    const features = named('R')(pool(maps, boxes as Loose))
    const places = boxPositions(parts.imageSize, parts.imageSize)(boxes as Loose)
    return { low, maps, features, places, known }
  }

/** What the language model reads of a picture. */
export interface SeenTokens {
  /** [tokens, width] */
  readonly picture: AnyTensor
  /** [boxes, width], where objects have tokens of their own */
  readonly objects?: AnyTensor
}
/** What the language model reads of a picture, and what it was made from. */
export interface Seen extends SeenTokens {
  /** tokens of the low-resolution tower, [tokens, C], and maps of the high-resolution one, [C, H, W] each */
  readonly towers: readonly AnyTensor[]
}
/** From what the towers give to tokens of the language model's width: fusion, boxes, projectors. */
export const seenTokens =
  (parts: MgLlavaParts) =>
  ({ low, maps, features, places, known }: TowerViews): SeenTokens => {
    const projected = (block: string, projector: Projector, x: AnyTensor): Loose =>
      scope(block, projector(parts.llm.width))(x as Loose)
    const picture = (x: AnyTensor) => named('picture')(projected('projector', parts.projector ?? mlp2, x))
    if (!('convNext' in parts)) return { picture: picture(named('E_F')(low as Loose)) }
    const fused = named('E_F')(parts.fusion({ low: low as Loose, high: maps.at(-1) as Loose, maps }))
    if (parts.boxes === undefined) return { picture: picture(fused) }
    const { map, objects } = parts.boxes({ low, fused, features: features!, places: places!, known })
    if (objects === undefined) return { picture: picture(map) }
    const projector = parts.boxProjector ?? mlp2
    return { picture: picture(map), objects: named('objects')(projected('bbox_projector', projector, objects)) }
  }
/** From pixels and boxes to tokens of the language model's width. */
export const look =
  (parts: MgLlavaParts) =>
  (shown: Shown): Seen => {
    const views = towerViews(parts)(shown)
    return { ...seenTokens(parts)(views), towers: [views.low, ...views.maps] }
  }

/** One sequence of ids, which are embedded, and of what was seen, which is ready: [sum of lengths, width]. */
export const splice =
  ({ llm }: Pick<MgLlavaParts, 'llm'>) =>
  (segments: readonly AnyTensor[]): Loose => {
    const embedded = scope('llm', (ids: AnyTensor) => embed(llm)(ids as Index<Shape>))
    const ready = segments.map(segment => (segment.kind === 'index' ? embedded(segment) : segment))
    return named('sequence')(loosely(concat)(0)(...ready))
  }

/**
 * Embeddings [..., T, width] to the scores of the next token after each of them, [..., T, vocabulary]. Positions [..., T] count from 0
 * unless said. A token sees those before it, so a batch padded to the right needs no mask: no token sees the padding.
 */
export const read = ({ llm }: Pick<MgLlavaParts, 'llm'>) =>
  scope('llm', (sequence: AnyTensor, positions: AnyTensor = iota(sequence.shape.at(-2)!)): Loose => {
    const hidden = transform(llm)(sequence as Loose, positions as never)
    return head(llm)(hidden) as Loose
  })
/** The same for the last of them alone, [1, vocabulary]: what generating needs. `attend` may remember (memory.ts). */
export const readLast = ({ llm }: Pick<MgLlavaParts, 'llm'>, attend?: Attend) => scope('llm', nextToken(llm, attend))

/** Logits at every position of ids `before`, segments of what was seen, ids `after`. */
export const readBetween =
  (parts: Pick<MgLlavaParts, 'llm'>) =>
  (...seen: readonly AnyTensor[]): Loose => {
    const [before, after] = [indexInput('before', ['before']), indexInput('after', ['after'])]
    return read(parts)(splice(parts)([before, ...seen, after]))
  }

/** The whole model: from `image`, `detail`, `boxes` and the ids `before` and `after` the picture to logits at every position. */
export const mgLlava = <const P extends MgLlavaParts>(parts: P): Logits<P, Sum<[Picture<P>, Objects<P>]>> => {
  const { picture, objects } = look(parts)(shown(parts))
  return readBetween(parts)(...(objects === undefined ? [picture] : [picture, objects]))
}
