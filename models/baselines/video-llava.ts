/**
 * Video-LLaVA (Lin et al., Video-LLaVA: learning united visual representation by alignment before projection, 2023): pictures and videos
 * have towers of their own, LanguageBind's, that were trained to agree, and share a projector. The tower of videos is CLIP with attention
 * over time in every layer, before its own; its class tokens stay. Source: PKU-YuanGroup/Video-LLaVA:
 * videollava/model/multimodal_encoder/languagebind/video/modeling_video.py and languagebind/__init__.py.
 */
import {
  flow,
  inputOf,
  loosely,
  named,
  param,
  pipe,
  repeat,
  scope,
  type Loose,
  type Mul,
  type Sum,
} from '../../lib/index.ts'
import { add, rearrange } from '../../ops/index.ts'
import { layerNorm } from '../../ops/layers/index.ts'
import { clip, clipAttention, clipEmbeddings, clipLayer, layersRun, type ClipConfig } from '../clip.ts'
import { readBetween, type LlavaParts, type Logits, type LowGrid } from '../mg-llava.ts'
import { mlp2 } from '../projector.ts'

export interface VideoLlavaParts extends LlavaParts {
  readonly frames: number
}

/** One layer on [T, N, C]: every token attends to itself at other times, then a layer of CLIP within each frame. */
export const videoLayer =
  (c: ClipConfig) =>
  (x: Loose): Loose => {
    const [frames, , width] = x.shape as readonly [number, number, number]
    const places = param('temporal_embedding', [1, frames, width], { init: 'normal', std: width ** -0.5 })
    const placed = loosely(() => add)()(x, loosely(rearrange)('1 t c -> t 1 c')(places))
    const overTime = pipe(placed, loosely(rearrange)('t n c -> n t c'), layerNorm('temporal_layer_norm1', c))
    const seen = scope('temporal_attn', clipAttention(c))(overTime as never)
    return clipLayer(c)(add(placed, loosely(rearrange)('n t c -> t n c')(seen)) as never) as Loose
  }
/** Frames [T, 3, H, W] to the tokens of the selected hidden state, the class token first: [T, 1 + N, C]. */
export const videoTower = (c: ClipConfig) =>
  flow(clipEmbeddings(c), layerNorm('pre_layrnorm', c), scope('encoder', repeat('layers', layersRun(c), videoLayer(c))))

/** Tokens of a picture [3, lowSize, lowSize]: [N, width of the language model]. */
export const seePicture =
  (parts: VideoLlavaParts) =>
  (image: Loose): Loose => {
    const tokens = scope('image_tower', clip(parts.clip))(image as never) as Loose
    return named('picture')(scope('projector', (parts.projector ?? mlp2)(parts.llm.width))(tokens))
  }
/** Tokens of a video [frames, 3, lowSize, lowSize], frame after frame: [frames · (1 + N), width of the language model]. */
export const seeVideo =
  (parts: VideoLlavaParts) =>
  (video: Loose): Loose => {
    const tokens = pipe(
      scope('video_tower.vision_model', videoTower(parts.clip))(video) as Loose,
      loosely(rearrange)('t n c -> (t n) c'),
    )
    return named('video')(scope('projector', (parts.projector ?? mlp2)(parts.llm.width))(tokens))
  }

/** Logits from `image` [3, lowSize, lowSize] and ids. */
export const videoLlavaPicture = <const P extends VideoLlavaParts>(parts: P): Logits<P, Mul<LowGrid<P>, LowGrid<P>>> =>
  readBetween(parts)(seePicture(parts)(inputOf('image', [3, parts.lowSize, parts.lowSize]) as Loose))
/** Logits from `video` [frames, 3, lowSize, lowSize] and ids. */
export const videoLlava = <const P extends VideoLlavaParts>(
  parts: P,
): Logits<P, Mul<P['frames'], Sum<[1, Mul<LowGrid<P>, LowGrid<P>>]>>> =>
  readBetween(parts)(seeVideo(parts)(inputOf('video', [parts.frames, 3, parts.lowSize, parts.lowSize]) as Loose))
