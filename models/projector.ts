/**
 * From features to tokens of a language model's width: an MLP of two layers (xtuner:model/modules/projector), or learned
 * queries that read both views, one after the other (Bai et al., Qwen-VL, 2023).
 */
import { flow, loosely, param, pipe, type AnyTensor, type Dim, type Init, type Loose } from '../lib/index.ts'
import { add, attention, concat, einsum, gelu, slice } from '../ops/index.ts'
import { layerNorm, linear } from '../ops/layers/index.ts'
import { resizeGrid } from './grid.ts'
import { joinHeads, splitHeads } from './heads.ts'
import { forAll } from './leading.ts'

/** Makes tokens of this width, [tokens', width], of what it reads, [tokens, C]. */
export type Projector = (width: Dim) => (x: Loose) => Loose

/**
 * Linear layers through these widths, then to `width`, with GELU between them (xtuner's ProjectorModel of any depth). Parameters
 * `model.{0,2,…}.{weight,bias}`.
 */
export const mlp =
  (hidden: readonly number[]): Projector =>
  width =>
  x =>
    [...hidden, width].reduce<Loose>(
      (y, wide, k) => pipe(k === 0 ? y : (gelu(y) as Loose), linear(`model.${2 * k}`, wide)) as Loose,
      x,
    )
/** Linear, GELU, Linear, each to `width`: the original's. Parameters `model.{0,2}.{weight,bias}`. */
export const mlp2 = <const D extends Dim>(width: D) => flow(linear('model.0', width), gelu, linear('model.2', width))

const eps = 1e-6
const truncated: Init = { init: 'truncated normal', std: 0.02 }

/** Queries [..., Q, width], keys and values [..., T, width] to [..., Q, width]. */
export type LookUp = (queries: Loose, keys: Loose, values: Loose) => Loose
/** torch's MultiheadAttention. Parameters `attn.{in_proj_weight,in_proj_bias}`, `attn.out_proj`. */
export const multiHead =
  (heads: number): LookUp =>
  (queries, keys, values) => {
    const width = queries.shape.at(-1) as number
    const weight = param('attn.in_proj_weight', [3 * width, width], truncated)
    const bias = param('attn.in_proj_bias', [3 * width], { init: 'zeros' })
    const third = (k: number, y: AnyTensor): Loose => {
      const part = loosely(slice)({ axis: 0, start: k * width, stop: (k + 1) * width })
      const projected = loosely(einsum)('...s i, o i -> ...s o')(y, part(weight))
      // heads that do not fill the width do not fit its shape
      return splitHeads(heads, Math.floor(width / heads))(add(projected, part(bias)) as Loose)
    }
    const read = attention()(third(0, queries), third(1, keys), third(2, values))
    return pipe(joinHeads(read as Loose) as Loose, linear('attn.out_proj', width))
  }

/**
 * What learned queries [Q, width] read in tokens [..., T, C], as so many heads: [..., Q, width]. Queries and keys have positions,
 * `places` [Q, width] and `keyPlaces` [T, width]. Every query reads every token unless `lookUp` does otherwise. Parameters `query`,
 * `kv_proj`, `ln_{q,kv,post}`, `proj` and those of the attention.
 */
export const readByQueries =
  (heads: number, lookUp: LookUp = multiHead(heads)) =>
  (x: Loose, places: Loose, keyPlaces: Loose): Loose => {
    const [count, width] = places.shape as readonly [number, number]
    const queries = add(layerNorm('ln_q', { eps })(param('query', [count, width], truncated)), places)
    const values = pipe(x, linear('kv_proj', width, { bias: false }), layerNorm('ln_kv', { eps }))
    const keys = loosely(() => add)()(values, keyPlaces)
    // every picture of a batch is asked the same
    const asked = forAll(x.shape.slice(0, -2))(queries)
    const told = layerNorm('ln_post', { eps })(lookUp(asked, keys, values as Loose))
    const proj = param('proj', [width, width], { init: 'normal', std: width ** -0.5 })
    return loosely(einsum)('...s i, i o -> ...s o')(told, proj)
  }

/**
 * side² learned queries read [..., 2 · grid², C], two maps one after the other. Parameters as above, and `pos_embed`, a frozen table
 * of sines for the queries, which the keys share.
 */
export const resampler =
  ({
    heads,
    side,
    grid = side,
  }: {
    readonly heads: number
    readonly side: number
    readonly grid?: number
  }): Projector =>
  width =>
  x => {
    const table = param('pos_embed', [side * side, width], { init: 'sine grid' })
    const keyTable = resizeGrid([side, side], [grid, grid])(table)
    return readByQueries(heads)(x, table as Loose, concat(0)(keyTable, keyTable) as Loose)
  }
