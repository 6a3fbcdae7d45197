/**
 * CLIP's vision tower (Radford et al., Learning transferable visual models from natural language supervision, 2021) as
 * huggingface/transformers publishes it, up to the hidden state that a language model reads. One function for literal
 * sizes, which tsc checks, and for numbers out of a config.json.
 *
 * Parameters are named `vision_model.*`. Hidden states can be found by name: `vision_model.pre_layrnorm` (sic) is the
 * first, then come `vision_model.encoder.layers.0`, `…layers.1`, ….
 */
import {
  flow,
  loosely,
  param,
  pipe,
  repeat,
  scope,
  type AnyTensor,
  type Conv,
  type Dim,
  type Loose,
  type Mul,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { add, attention, concat, gelu, quickGelu, rearrange, rows, slice } from '../ops/index.ts'
import { layerNorm, linear } from '../ops/layers/index.ts'
import { resizeGrid, type Resize } from './grid.ts'
import { joinHeads, toHeads } from './heads.ts'
import { forAll } from './leading.ts'
import { tiles } from './tiles.ts'

export interface ClipConfig<D extends Dim = Dim, F extends Dim = Dim, P extends number = number> {
  readonly width: D
  readonly heads: number
  readonly headWidth: number
  /** hidden width of the MLP */
  readonly mlpWidth: F
  readonly layers: number
  /** which hidden state is given: 0 is the first, -1 the last. Layers after it are not built. */
  readonly select: number
  readonly patch: P
  readonly eps: number
  readonly activation?: keyof typeof activations
  readonly positions?: Positions
}
const activations = { quick_gelu: quickGelu, gelu }

/** The position of every token, the class token's first, for a grid of so many rows and columns. */
export type Positions = (grid: readonly [rows: Dim, columns: Dim], tokens: Dim, width: Dim) => AnyTensor
const start = { init: 'normal', std: 0.02 } as const
/** A table made for this very grid. */
export const tablePositions: Positions = (_, tokens, width) =>
  param('position_embedding.weight', [tokens, width], start)
/** A table made for a grid of `side` × `side`, resized to another (bicubically unless said): transformers' interpolate_pos_encoding. */
export const resizedPositions =
  (side: number, resize?: Resize): Positions =>
  (grid, _, width) => {
    const table = param('position_embedding.weight', [side * side + 1, Number(width)], start)
    const patches = resizeGrid([side, side], grid, resize)(rows(1)(table))
    return loosely(concat)(0)(rows(0, 1)(table), patches)
  }

/** Self-attention with biases on all projections. Parameters `{q,k,v,out}_proj`. */
export const clipAttention =
  <D extends Dim>(c: ClipConfig<D>) =>
  <S extends Shape, N extends Dim>(x: Tensor<[...S, N, D]>): Tensor<[...S, N, D]> => {
    const heads = (name: string) => toHeads(name, c.heads, c.headWidth)(x)
    const seen = attention()(heads('q_proj'), heads('k_proj'), heads('v_proj'))
    return pipe(seen, joinHeads, linear('out_proj', c.width))
  }
const mlp = <D extends Dim>(c: ClipConfig<D>) =>
  flow(linear('fc1', c.mlpWidth), activations[c.activation ?? 'quick_gelu'], linear('fc2', c.width))

/** One layer: attention, then an MLP, each on normalised tokens and added to them. */
export const clipLayer =
  <D extends Dim>(c: ClipConfig<D>) =>
  <S extends Shape, N extends Dim>(x: Tensor<[...S, N, D]>): Tensor<[...S, N, D]> => {
    const attended = scope('self_attn', clipAttention(c))(layerNorm('layer_norm1', c)(x))
    const y = add(x, attended)
    return add(y, scope('mlp', mlp(c))(layerNorm('layer_norm2', c)(y)))
  }

/** How many layers are run to reach a hidden state. */
export const layersRun = ({ layers, select }: Pick<ClipConfig, 'layers' | 'select'>): number =>
  select < 0 ? layers + 1 + select : select

/** [..., 3, H, W] to tokens with their positions, the class token first: [..., 1 + N, width]. */
export const clipEmbeddings = ({ width, patch, positions = tablePositions }: ClipConfig) =>
  scope('embeddings', (image: Loose): Loose => {
    const map = tiles('patch_embedding', { out: width, kernel: patch, bias: false })(image as Tensor<[Dim, Dim, Dim]>)
    const patches = rearrange('...s c h w -> ...s (h w) c')(map)
    const token = param('class_embedding', [width], start)
    const first = forAll(patches.shape.slice(0, -2))(rearrange('c -> 1 c')(token))
    const tokens = loosely(concat)(-2)(first, patches)
    const [rows, columns] = map.shape.slice(-2) as [Dim, Dim]
    return loosely(() => add)()(tokens, positions([rows, columns], tokens.shape.at(-2), width))
  })
/** Tokens without the class token, which is the first. */
export const withoutClass = loosely(slice)({ axis: -2, start: 1 })

/** [..., 3, H, W], normalised pixels, to the tokens of the selected hidden state, row after row, without the class token. */
export const clip = <const D extends Dim, const F extends Dim, const P extends number>(
  c: ClipConfig<D, F, P>,
): (<S extends Shape, H extends Dim, W extends Dim>(
  image: Tensor<[...S, 3, H, W]>,
) => Tensor<[...S, Mul<Conv<H, P, P>, Conv<W, P, P>>, D]>) =>
  scope(
    'vision_model',
    flow(
      clipEmbeddings(c),
      layerNorm('pre_layrnorm', c),
      scope('encoder', repeat('layers', layersRun(c), clipLayer(c))),
      withoutClass,
    ),
  ) as never
