/** Baselines small enough for straight loops: their graphs, seeded weights and inputs, and the picture's tokens as they are by hand. */
import { parameters, tap, type AnyTensor, type Feeds, type Value } from '../../lib/index.ts'
import {
  llavaHr,
  llavaUhd,
  miniGeminiHd,
  patchInfoMining,
  resizedPositions,
  separate,
  slicesOf,
  videoLlava,
  videoLlavaPicture,
} from '../../models/index.ts'
import { smoothBicubic } from '../../models/grid.ts'
import * as hand from './baselines-by-hand.ts'

const tower = { width: 8, heads: 2, headWidth: 4, mlpWidth: 12, layers: 4, select: -2, patch: 4, eps: 1e-5 }
const convNext = { depths: [1, 1, 2, 1], widths: [4, 6, 8, 10] } as const
const llm = {
  width: 12,
  layers: 1,
  heads: 2,
  keyHeads: 1,
  headWidth: 6,
  mlpWidth: 10,
  vocabulary: 20,
  theta: 1e4,
  eps: 1e-5,
  projections: separate,
}
const handTower = { heads: 2, patch: 4, eps: 1e-5, activation: hand.quickGelu }
const layersRun = 3

/** Numbers in (-1, 1) by a seed: mulberry32. */
const numbers = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1
}
const filled = (shape: readonly number[], next: () => number): Value => {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1))
  return { kind: 'float', shape, data: data.map(next) }
}
/** No weight is zero, so that no part can be left out unseen. */
const weightsOf = (model: AnyTensor, seed: number): ReadonlyMap<string, Value> => {
  const next = numbers(seed)
  return new Map(
    parameters(model).map(({ name, shape }) => {
      const sizes = shape.map(Number)
      const fanIn = sizes.slice(1).reduce((a, b) => a * b, 1)
      const drawn = filled(sizes, next)
      const isScale = sizes.length === 1 && name.endsWith('weight')
      const spread = sizes.length === 1 ? 0.4 : Math.sqrt(3 / fanIn)
      return [name, { ...drawn, data: drawn.data.map(x => (isScale ? 1 : 0) + spread * x) as Float32Array }]
    }),
  )
}

export interface Small {
  readonly model: AnyTensor
  readonly weights: ReadonlyMap<string, Value>
  readonly feeds: Feeds
  /** what the language model reads: [before, picture, after] */
  readonly sequence: AnyTensor
  readonly byHand: () => hand.Rows
}
const before = [3, 1, 4]
const after = [1, 5]
const small = (
  model: AnyTensor,
  shapes: Readonly<Record<string, readonly number[]>>,
  seen: (w: ReadonlyMap<string, Value>, given: Readonly<Record<string, Value>>) => hand.Rows,
): Small => {
  const weights = weightsOf(model, 1)
  const next = numbers(2)
  const given = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, filled(shape, next)]))
  const words = hand.rowsOf(weights, 'llm.model.embed_tokens.weight')
  const byHand = () => [...before.map(id => words[id]!), ...seen(weights, given), ...after.map(id => words[id]!)]
  return { model, weights, feeds: { ...given, before, after }, sequence: tap(model, 'sequence'), byHand }
}

const miniGemini = () => {
  const parts = { lowSize: 8, clip: tower, imageSize: 128, convNext, fusion: patchInfoMining, llm }
  return small(miniGeminiHd(parts), { image: [3, 16, 16], detail: [3, 128, 128] }, (w, { image, detail }) => {
    const map = hand.pyramid(hand.convNext(w, hand.planesOf(detail!), convNext.depths))
    const views = (x: hand.Planes, size: number) => [
      hand.resize(x, size, size, hand.bilinear(false)),
      ...[0, 1].flatMap(i => [0, 1].map(j => hand.part(x, i * size, j * size, size, size))),
    ]
    const maps = views(map, 16)
    const fused = views(hand.planesOf(image!), 8).flatMap((view, k) =>
      hand.mine(w, 'fuse_module', hand.clip(w, view, handTower, layersRun), maps[k]!, 2),
    )
    return hand.mlp2(w, 'projector', fused)
  })
}

/** The last map of the high-resolution tower has imageSize / 32 rows, the tokens 4. */
const hr = (imageSize: number) => () => {
  const positions = resizedPositions(3, smoothBicubic)
  const clip = { ...tower, select: -1, positions }
  const parts = { lowSize: 16, clip, imageSize, convNext, adapters: [1, 2, 3], llm }
  return small(llavaHr(parts), { image: [3, imageSize, imageSize] }, (w, { image }) => {
    const picture = hand.planesOf(image!)
    const high = hand.convNext(w, picture, convNext.depths)[3]!
    const name = 'vision_model'
    const low = hand.resize(picture, 16, 16, hand.bilinear(true))
    const embedded = hand.clipEmbeddings(w, `${name}.embeddings`, low, handTower, hand.antialiased).slice(1)
    let x = hand.layerNorm(w, `${name}.pre_layrnorm`, embedded, 1e-5)
    for (let i = 0; i < 4; i++) {
      x = hand.clipLayer(w, `${name}.encoder.layers.${i}`, x, handTower)
      if (i < 3) x = hand.convGate(w, `align_stages_latent.${i}`, x, high, 4)
    }
    const fine = hand.linear(w, 'align_stages.0.slow_proj', hand.tokensOf(hand.onGrid(high, 4)))
    return hand.mlp2(w, 'projector', hand.plus(hand.linear(w, 'align_stages.0.fast_proj', x), fine))
  })
}

const uhd = (width: number, height: number) => () => {
  const clip = { ...tower, positions: resizedPositions(4) }
  const separators = [7, 9] as const
  const parts = { lowSize: 16, clip, queries: 3, queryHeads: 2, separators, llm }
  const { whole, slices } = slicesOf({ scale: 16, patch: 4, most: 7 }, { width, height })
  const shapes = {
    image: [3, whole.height, whole.width],
    ...(slices ? { detail: [3, slices.rows * slices.height, slices.columns * slices.width] } : {}),
  }
  return small(llavaUhd(parts, { whole, ...(slices ? { slices } : {}) }), shapes, (w, { image, detail }) => {
    const words = hand.rowsOf(w, 'llm.model.embed_tokens.weight')
    const see = (picture: hand.Planes) => {
      const tokens = hand.clip(w, picture, handTower, layersRun)
      return hand.resampleRegions(w, 'projector', tokens, picture[0]!.length / 4, 3, 2)
    }
    const tokens: hand.Rows = []
    for (let i = 0; i < (slices?.rows ?? 0); i++)
      for (let j = 0; j < slices!.columns; j++) {
        const { height: h, width: v, columns } = slices!
        tokens.push(...see(hand.part(hand.planesOf(detail!), i * h, j * v, h, v)))
        tokens.push(words[j === columns - 1 ? 9 : 7]!)
      }
    return [...tokens, ...see(hand.planesOf(image!))]
  })
}

const videoParts = { lowSize: 8, clip: { ...tower, activation: 'gelu' as const }, frames: 3, llm }
const geluTower = { ...handTower, activation: hand.gelu }
const video = () =>
  small(videoLlava(videoParts), { video: [3, 3, 8, 8] }, (w, { video: frames }) => {
    const name = 'video_tower.vision_model'
    let x = [0, 1, 2].map(t => {
      const embedded = hand.clipEmbeddings(w, `${name}.embeddings`, hand.planesOf(frames!, t), geluTower)
      return hand.layerNorm(w, `${name}.pre_layrnorm`, embedded, 1e-5)
    })
    for (let i = 0; i < layersRun; i++) {
      const layer = `${name}.encoder.layers.${i}`
      const times = hand.rowsOf(w, `${layer}.temporal_embedding`)
      const timed = x.map((frame, t) => frame.map(row => row.map((v, c) => v + times[t]![c]!)))
      const seen = timed[0]!.map((_, n) => {
        const history = timed.map(frame => frame[n]!)
        const normed = hand.layerNorm(w, `${layer}.temporal_layer_norm1`, history, 1e-5)
        return hand.plus(history, hand.selfAttention(w, `${layer}.temporal_attn`, normed, 2))
      })
      x = timed.map((_, t) =>
        hand.clipLayer(
          w,
          layer,
          seen.map(history => history[t]!),
          geluTower,
        ),
      )
    }
    return hand.mlp2(w, 'projector', x.flat())
  })
const still = () =>
  small(videoLlavaPicture(videoParts), { image: [3, 8, 8] }, (w, { image }) =>
    hand.mlp2(w, 'projector', hand.clip(w, hand.planesOf(image!), geluTower, layersRun, 'image_tower.')),
  )

export const smallBaselines: Readonly<Record<string, () => Small>> = {
  'Mini-Gemini HD': miniGemini,
  'LLaVA-HR': hr(128),
  'LLaVA-HR, a coarser map': hr(64),
  'LLaVA-HR, a finer map': hr(256),
  'LLaVA-UHD, wide': uhd(40, 24),
  'LLaVA-UHD, tall': uhd(18, 50),
  'LLaVA-UHD, not sliced': uhd(12, 15),
  'Video-LLaVA, a video': video,
  'Video-LLaVA, a picture': still,
}
