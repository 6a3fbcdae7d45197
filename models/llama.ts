/**
 * Decoders of the Llama family (Touvron et al., LLaMA, 2023; grouped queries: Ainslie et al., GQA, 2023): Vicuna, LLaMA-3
 * and Yi with a projection each for q, k, v, gate and up, Phi-3 with joined ones. Sizes are literal or come out of a
 * config.json. What stays the same for every model is written once; what differs is passed in as `projections`.
 *
 * Parameters are named as Hugging Face publishes them (`model.layers.0.self_attn.q_proj.weight`). The residual stream can
 * be found by name: `model.layers.0`, …, then `model.norm`, then `lm_head`.
 */
import {
  loosely,
  pipe,
  repeat,
  scope,
  type AnyTensor,
  type Dim,
  type Index,
  type Loose,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { add, attention, iota, mul, rope, silu, slice } from '../ops/index.ts'
import { embedding, linear, rmsNorm } from '../ops/layers/index.ts'
import { joinHeads, toHeads } from './heads.ts'
import { forAll } from './leading.ts'

export interface LlamaConfig<D extends Dim = Dim, V extends Dim = Dim> {
  readonly width: D
  readonly layers: number
  readonly heads: number
  /** heads of keys and values, each read by heads / keyHeads heads of queries */
  readonly keyHeads: number
  readonly headWidth: number
  /** hidden width of the MLP */
  readonly mlpWidth: number
  readonly vocabulary: V
  /** base of the rotary positions */
  readonly theta: number
  readonly eps: number
  /** most tokens that it was made to read; any number unless said */
  readonly positions?: number
  readonly projections: Projections
}

type Sizes = Pick<LlamaConfig, 'heads' | 'keyHeads' | 'headWidth' | 'mlpWidth'>
/** How a layer's input becomes queries, keys and values, and the two factors of the MLP. */
export interface Projections {
  readonly attention: <S extends Shape, N extends Dim, D extends Dim>(
    sizes: Sizes,
    x: Tensor<[...S, N, D]>,
  ) => Readonly<Record<'q' | 'k' | 'v', Tensor<[...S, number, N, number]>>>
  readonly mlp: <S extends Shape, D extends Dim>(
    sizes: Sizes,
    x: Tensor<[...S, D]>,
  ) => Readonly<Record<'gate' | 'up', Tensor<[...S, number]>>>
}
const noBias = { bias: false }

/** A projection for each: Llama's. */
export const separate: Projections = {
  attention: ({ heads, keyHeads, headWidth }, x) => ({
    q: toHeads('q_proj', heads, headWidth, noBias)(x),
    k: toHeads('k_proj', keyHeads, headWidth, noBias)(x),
    v: toHeads('v_proj', keyHeads, headWidth, noBias)(x),
  }),
  mlp: ({ mlpWidth }, x) => ({
    gate: linear('gate_proj', mlpWidth, noBias)(x),
    up: linear('up_proj', mlpWidth, noBias)(x),
  }),
}
/** One projection for q, k and v, one for gate and up: Phi-3's. */
export const joined: Projections = {
  attention: ({ heads, keyHeads, headWidth }, x) => {
    const all = toHeads('qkv_proj', heads + 2 * keyHeads, headWidth, noBias)(x)
    const part = (start: number, count: number) => loosely(slice)({ axis: -3, start, stop: start + count })(all)
    return { q: part(0, heads), k: part(heads, keyHeads), v: part(heads + keyHeads, keyHeads) }
  },
  mlp: ({ mlpWidth }, x) => {
    const both = linear('gate_up_proj', 2 * mlpWidth, noBias)(x)
    const half = (start: number) => loosely(slice)({ axis: -1, start, stop: start + mlpWidth })(both)
    return { gate: half(0), up: half(mlpWidth) }
  },
}

/**
 * How queries [..., H, tokens, D] meet keys and values [..., G, tokens, D] of the same tokens: those alone, or with what is remembered
 * (memory.ts). [..., H, tokens, D].
 */
export type Attend = <S extends Shape, H extends Dim, N extends Dim, D extends Dim, G extends Dim>(
  q: Tensor<[...S, H, N, D]>,
  k: Tensor<[...S, G, N, D]>,
  v: Tensor<[...S, G, N, D]>,
) => Tensor<[...S, H, N, D]>
/** A token sees itself and those before it. */
export const causal: Attend = (q, k, v) => attention({ causal: true })(q, k, v)

const selfAttention =
  <D extends Dim>(c: LlamaConfig<D>, attend: Attend) =>
  <S extends Shape, N extends Dim>(x: Tensor<[...S, N, D]>, positions: Index<[...S, N]>): Tensor<[...S, N, D]> => {
    const { q, k, v } = c.projections.attention(c, x)
    const turned = rope({ theta: c.theta })
    const seen = attend(turned(q, positions), turned(k, positions), v)
    return pipe(seen, joinHeads, linear('o_proj', c.width, noBias))
  }
const mlp =
  <D extends Dim>(c: LlamaConfig<D>) =>
  <S extends Shape>(x: Tensor<[...S, D]>): Tensor<[...S, D]> => {
    const { gate, up } = c.projections.mlp(c, x)
    return linear('down_proj', c.width, noBias)(mul(silu(gate), up))
  }
/** One layer: attention, then an MLP, each on normalised tokens and added to them. */
export const llamaLayer =
  <D extends Dim>(c: LlamaConfig<D>, attend: Attend = causal) =>
  <S extends Shape, N extends Dim>(x: Tensor<[...S, N, D]>, positions: Index<[...S, N]>): Tensor<[...S, N, D]> => {
    const normed = rmsNorm('input_layernorm', c)(x)
    const y = add(x, scope('self_attn', selfAttention(c, attend))(normed, positions))
    return add(y, scope('mlp', mlp(c))(rmsNorm('post_attention_layernorm', c)(y)))
  }

/** Token ids [...] to embeddings [..., width]. */
export const embed = <D extends Dim>(c: LlamaConfig<D>) =>
  scope('model', embedding('embed_tokens', Number(c.vocabulary), c.width))
/** Embeddings [..., T, width] at positions [..., T], through all layers and the final norm. */
export const transform = <D extends Dim>(c: LlamaConfig<D>, attend: Attend = causal) =>
  scope(
    'model',
    <S extends Shape, N extends Dim>(x: Tensor<[...S, N, D]>, positions: Index<[...S, N]>): Tensor<[...S, N, D]> => {
      const layers = repeat('layers', c.layers, (y: Tensor<[...S, N, D]>) => llamaLayer(c, attend)(y, positions))
      return rmsNorm('norm', c)(layers(x))
    },
  )
/** Scores of the next token [..., vocabulary], from normalised hidden states. */
export const head = <D extends Dim, V extends Dim>(c: LlamaConfig<D, V>) => linear('lm_head', c.vocabulary, noBias)
/** Scores of the token after the last one alone, [1, vocabulary], from embeddings [T, width]: what generating needs. */
export const nextToken =
  <D extends Dim, V extends Dim>(c: LlamaConfig<D, V>, attend: Attend = causal) =>
  (sequence: AnyTensor, positions: AnyTensor = iota(sequence.shape[0]!)): Tensor<[1, V]> => {
    const hidden = transform(c, attend)(sequence as Loose, positions as never)
    const last = loosely(slice)({ axis: 0, start: -1 })(hidden)
    return head(c)(last as Tensor<[1, D]>)
  }
/** The whole decoder: token ids [..., T] to scores of the token after each, [..., T, vocabulary]. */
export const llama =
  <const D extends Dim, const V extends Dim>(c: LlamaConfig<D, V>) =>
  <S extends Shape, N extends Dim>(ids: Index<[...S, N]>): Tensor<[...S, N, V]> => {
    const [batch, tokens] = [ids.shape.slice(0, -1), iota(ids.shape.at(-1)!)]
    const positions: AnyTensor = batch.length === 0 ? tokens : forAll(batch)(tokens)
    const read: AnyTensor = transform(c)(embed(c)(ids) as Loose, positions as never)
    return head(c)(read as Tensor<[...S, N, D]>)
  }
