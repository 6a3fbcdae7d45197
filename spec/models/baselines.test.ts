/**
 * The baselines: at full size the shapes, layouts and counts that are published, as graphs without numbers; at a small one every token that
 * the language model reads against straight loops in float64; and each no longer than 40 lines beyond the parts that it shares.
 */
import fc from 'fast-check'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { count, evaluate, nodeOf, parameters, tap, type AnyTensor, type Tensor } from '../../lib/index.ts'
import {
  llavaHr,
  llavaHrVicuna7b,
  llavaUhd,
  llavaUhdSlices,
  llavaUhdVicuna13b,
  llavaVicuna7b,
  mgLlava,
  miniGeminiHd,
  miniGeminiHdVicuna7b,
  miniGeminiVicuna7b,
  slicedPicture,
  slicesOf,
  videoLlava,
  videoLlavaPicture,
  videoLlavaVicuna7b,
} from '../../models/index.ts'
import { shares } from '../tolerances.ts'
import { smallBaselines } from './small-baselines.ts'
import { right } from './values.ts'

describe('a baseline', () => {
  const folder = fileURLToPath(new URL('../../models/baselines', import.meta.url))
  const linesOf = (text: string) =>
    text
      .replaceAll(/\/\*[\s\S]*?\*\//g, '')
      .replaceAll(/^import [\s\S]*? from .*$/gm, '')
      .split('\n')
      .filter(line => line.trim() !== '')
  it.each(readdirSync(folder))('%s has at most 40 lines', file => {
    expect(linesOf(readFileSync(`${folder}/${file}`, 'utf8')).length).toBeLessThanOrEqual(40)
  })
})

const countOf = (model: AnyTensor, within: string) =>
  parameters(model)
    .filter(({ name }) => name.startsWith(within))
    .reduce((total, { shape }) => total + shape.reduce<number>((n, d) => n * Number(d), 1), 0)
const blockOf = (model: AnyTensor, name: string) => count(model, { depth: 2 }).blocks.find(b => b.name === name)!
const shapeOf = (model: AnyTensor, name: string) => tap(model, name).shape
/** Lengths of the segments that the language model reads. */
const layout = (model: AnyTensor) => {
  const { inputs } = nodeOf(tap(model, 'sequence'))
  return inputs.map(({ shape }) => shape[0])
}

describe('LLaVA-1.5', () => {
  const model: Tensor<['576 + after + before', 32000]> = mgLlava(llavaVicuna7b)
  it('reads one grid of tokens', () => {
    expect(layout(model)).toEqual(['before', 576, 'after'])
    expect(countOf(model, 'projector.')).toBe(20_979_712)
  })
})

describe('Mini-Gemini', () => {
  const model: Tensor<['576 + after + before', 32000]> = mgLlava(miniGeminiVicuna7b)
  it('mines all stages at 192 × 192', () => {
    expect(layout(model)).toEqual(['before', 576, 'after'])
    expect(countOf(model, 'fuse_module.')).toBe(6_963_456)
    expect(shapeOf(model, 'fuse_module.vlm_uni_aux_projector.1.weight')).toEqual([1024, 2880])
  })
  const hd: Tensor<['2880 + after + before', 32000]> = miniGeminiHd(miniGeminiHdVicuna7b)
  it('in HD reads the whole, then four quarters', () => {
    expect(layout(hd)).toEqual(['before', 5 * 576, 'after'])
    expect(shapeOf(hd, 'E_L')).toEqual([5, 576, 1024])
    expect(shapeOf(hd, 'E_F')).toEqual([5, 576, 1024])
    expect(shapeOf(hd, 'image')).toEqual([3, 672, 672])
    expect(shapeOf(hd, 'visual.trunk.stages.0')).toEqual([192, 384, 384])
    expect(countOf(hd, '')).toBe(countOf(model, ''))
  })
})

describe('LLaVA-HR', () => {
  const model: Tensor<['1024 + after + before', 32000]> = llavaHr(llavaHrVicuna7b)
  it('has 1024 tokens of both towers', () => {
    expect(llavaHrVicuna7b.lowSize).toBe(Math.max((llavaHrVicuna7b.imageSize / 32) * 14, 336))
    expect(shapeOf(model, 'E_H')).toEqual([1536, 32, 32])
    expect(shapeOf(model, 'E_L')).toEqual([1024, 1024])
    expect(layout(model)).toEqual(['before', 1024, 'after'])
    expect(shapeOf(model, 'position_embedding.weight')).toEqual([577, 1024])
  })
  it('has three adapters within 24 layers, and a join', () => {
    expect(countOf(model, 'align_stages_latent.')).toBe(18_255_363)
    expect(countOf(model, 'align_stages.0.')).toBe(2_623_488)
    // the norm after the last layer is not used
    expect(countOf(model, 'vision_model.')).toBe(303_507_456 - 2 * 1024)
    const behind = (layer: number) => tap(model, `vision_model.encoder.layers.${layer}.layer_norm1`)
    for (const [k, layer] of [6, 12, 18].entries()) {
      const [read] = nodeOf(behind(layer)).inputs
      expect(read!.labels).toContain(`align_stages_latent.${k}`)
    }
  })
  it('sees 1,436 GFLOP of ConvNeXt at 1024', () => {
    // the published count leaves out norms and activations
    const flops = Number(blockOf(model, 'visual.trunk').flops)
    expect(flops / 1.436e12).toBeGreaterThan(1)
    expect(flops / 1.436e12).toBeLessThan(1.006)
  })
  it('has no adapters while its towers are frozen', () => {
    const frozen = llavaHr({ ...llavaHrVicuna7b, adapters: [] })
    expect(countOf(frozen, '')).toBe(countOf(model, '') - 18_255_363)
  })
})

describe('LLaVA-UHD', () => {
  const modelOf = (width: number, height: number) =>
    llavaUhd(llavaUhdVicuna13b, slicesOf(llavaUhdSlices, { width, height }))
  it('reads 144 tokens of each slice and a separator, and 144 of the whole', () => {
    // 672 × 1008 pixels are six times 336², in two columns and three rows
    const model = modelOf(672, 1008)
    expect(layout(model)).toEqual(['before', ...Array.from({ length: 6 }, () => [144, 1]).flat(), 144, 'after'])
    expect(model.shape).toEqual([`${144 * 7 + 6} + after + before`, 32000])
    expect(shapeOf(model, 'detail')).toEqual([3, 3 * 336, 2 * 336])
    expect(shapeOf(model, 'slices')).toEqual([6, 144, 5120])
    expect(layout(modelOf(300, 200))).toEqual(['before', 144, 'after'])
  })
  it('has the projector of 144 queries', () => {
    const d = 5120
    const resampler = 2 * 144 * d + d * 1024 + 4 * d * d + 4 * d + 3 * 2 * d + d * d
    expect(countOf(modelOf(672, 1008), 'projector.')).toBe(resampler)
  })

  /** llava/slice_process.py, line for line. */
  const published = (W: number, H: number, scale = 336, most = 7, patch = 14) => {
    const divide = (l: number, p: number) => Math.max(Math.floor(l / p) * p, p)
    const best = (w: number, h: number, up: boolean) => {
      if (w * h > scale * scale || up) {
        const r = w / h
        h = Math.trunc(scale / Math.sqrt(r))
        w = Math.trunc(h * r)
      }
      return { width: divide(w, patch), height: divide(h, patch) }
    }
    const multiple = Math.min(Math.ceil((W * H) / (scale * scale)), most)
    if (multiple <= 1) return { whole: best(W, H, true) }
    let [grid, least] = [[1, 1] as [number, number], Number.POSITIVE_INFINITY]
    for (const n of [multiple - 1, multiple, multiple + 1]) {
      if (n === 1 || n > most) continue
      for (let m = 1; m <= n; m++) {
        if (n % m !== 0) continue
        const error = Math.abs(Math.log(W / H) - Math.log(m / (n / m)))
        if (error < least) [grid, least] = [[m, n / m], error]
      }
    }
    const [columns, rows] = grid
    const slice = best(divide(W, columns) / columns, divide(H, rows) / rows, true)
    return { whole: best(W, H, false), slices: { ...slice, rows, columns } }
  }
  it('cuts pictures as published', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 5000 }), (width, height) => {
        expect(slicesOf(llavaUhdSlices, { width, height })).toEqual(published(width, height))
      }),
      { numRuns: 1000 },
    )
  })
  it('shows in each slice what was there', () => {
    // three columns of one colour each, for which three slices are best
    const [width, height] = [900, 500]
    const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => (Math.floor(i / 3) % width < 300 ? 40 : 90))
    for (let i = 0; i < data.length; i += 3) if (Math.floor(i / 3) % width >= 600) data[i] = 200
    const cut = slicesOf(llavaUhdSlices, { width, height })
    expect(cut).toMatchObject({ slices: { rows: 1, columns: 3 } })
    const { detail, image } = slicedPicture({ width, height, data }, cut)
    const slice = cut.slices!
    expect(detail!.length).toBe(3 * slice.height * 3 * slice.width)
    expect(image.length).toBe(3 * cut.whole.width * cut.whole.height)
    const reds = [0, 1, 2].map(k => detail![Math.floor((k + 0.5) * slice.width)]! * 0.26862954 + 0.48145466)
    expect(reds.map(red => Math.round(255 * red))).toEqual([40, 90, 200])
  })
})

describe('Video-LLaVA', () => {
  const video: Tensor<['2056 + after + before', 32000]> = videoLlava(videoLlavaVicuna7b)
  const picture: Tensor<['256 + after + before', 32000]> = videoLlavaPicture(videoLlavaVicuna7b)
  it('reads 8 · 257 tokens of a video, 256 of a picture, through one projector', () => {
    expect(layout(video)).toEqual(['before', 8 * 257, 'after'])
    expect(layout(picture)).toEqual(['before', 256, 'after'])
    expect(countOf(video, 'projector.')).toBe(20_979_712)
    expect(
      parameters(picture)
        .filter(p => p.name.startsWith('projector.'))
        .map(p => p.name),
    ).toEqual(
      parameters(video)
        .filter(p => p.name.startsWith('projector.'))
        .map(p => p.name),
    )
  })
  it('has attention over time in each of the 23 layers that are run', () => {
    const temporal = 4 * (1024 * 1024 + 1024) + 2 * 1024 + 8 * 1024
    expect(countOf(video, 'video_tower.') - countOf(picture, 'image_tower.')).toBe(23 * temporal)
  })
})

describe('at a small size', () => {
  it.each(Object.entries(smallBaselines))('%s gives the tokens that straight loops give', (_, made) => {
    const { sequence, feeds, weights, byHand } = made()
    const wanted = byHand()
    const { shape, data } = right(evaluate(sequence, feeds, { weights }))
    expect(shape).toEqual([wanted.length, wanted[0]!.length])
    const flat = wanted.flat()
    const size = flat.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
    const apart = flat.reduce((most, x, i) => Math.max(most, Math.abs(x - data[i]!)), 0)
    expect(size).toBeGreaterThan(0.1)
    expect(apart / size).toBeLessThan(shares.float64)
  })
})
