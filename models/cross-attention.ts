/**
 * The attention that the variants of MG-LLaVA ask one map of features with another: one head, a LayerNorm and a Linear
 * before each of query, key and value, no output projection. Source: dvlab-research/MGM:mgm/model/mgm_arch.py
 * (unified_resampler), whose names the checkpoints have.
 */
import {
  lastSize,
  loosely,
  param,
  pipe,
  scope,
  type AnyTensor,
  type Dim,
  type Loose,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { add, attention, einsum, layerNormalize, mul, rearrange, scale } from '../ops/index.ts'
import { layerNorm, linear } from '../ops/layers/index.ts'

/**
 * What x [..., N, C] finds in a memory [..., M, E]: [..., N, C]. Parameters `vlm_uni_{query,<key>,val}_projector.{0,1}`: the key
 * side is called `key` where boxes take part, `aux` in patch info mining. `known` [..., M] says which memories there are; all unless said.
 */
export const askMemory =
  (key: 'key' | 'aux') =>
  <S extends Shape, N extends Dim, M extends Dim, C extends Dim, E extends Dim>(
    x: Tensor<[...S, N, C]>,
    memory: Tensor<[...S, M, E]>,
    known?: AnyTensor,
  ): Tensor<[...S, N, C]> => {
    const branch = (name: string) => scope(`vlm_uni_${name}_projector`, oneHead(lastSize(x)))
    const asked = [branch('query')(x), branch(key)(memory), branch('val')(memory)]
    const found =
      known === undefined ? loosely(attention)()(...asked) : loosely(attention)({ keyMask: true })(...asked, known)
    return loosely(rearrange)('...s 1 n c -> ...s n c')(found)
  }
const oneHead =
  <C extends Dim>(width: C) =>
  <S extends Shape, N extends Dim, I extends Dim>(x: Tensor<[...S, N, I]>): Tensor<[...S, 1, N, C]> =>
    pipe(x, layerNorm('0'), linear('1', width), rearrange('...s n c -> ...s 1 n c'))

/**
 * The same where every x has a memory of its own, [..., N, M, E], without projecting these: with x̂ a memory's normalised row, γ and β
 * the scales and shifts of the norms, W and b the weights and biases of the projections, the score (W_k (γ_k x̂ + β_k) + b_k) · q is
 * (γ_k W_kᵀ q) · x̂ and a number of q, and what is found is W_v (γ_v Σ a x̂ + β_v) + b_v, since shares a add up to 1.
 */
export const askOwnMemory =
  (key: 'key' | 'aux') =>
  <S extends Shape, N extends Dim, M extends Dim, C extends Dim, E extends Dim>(
    x: Tensor<[...S, N, C]>,
    memory: Tensor<[...S, N, M, E]>,
  ): Tensor<[...S, N, C]> => {
    const width = lastSize(x)
    const branch = <A extends readonly unknown[], B>(name: string, f: (...a: A) => B) =>
      scope(`vlm_uni_${name}_projector`, f)
    const asking = branch('query', (y: Loose) => pipe(y, layerNorm('0'), linear('1', width)))(x as Loose)
    const { question, constant } = branch(key, throughKeys)(
      scale(1 / Math.sqrt(Number(width)))(asking),
      lastSize(memory),
    )
    const rows = loosely(rearrange)('...s n m e -> ...s n 1 m e')(layerNormalize()(memory))
    const found = attention({ scale: 1, bias: true })(question, rows, rows, constant)
    const values = loosely(rearrange)('...s n 1 1 e -> ...s n e')(found)
    return branch('val', (y: Loose) => linear('1', width)(rescale('0')(y)))(values) as never
  }
/** Queries [..., N, C] as questions to normalised rows of E channels, and what is added to all their scores. */
const throughKeys = (query: Loose, channels: Dim) => {
  const weight = param('1.weight', [query.shape.at(-1)!, channels])
  const question = loosely(einsum)('...s n c, c e -> ...s n e')(query, weight)
  const shift = linear('1', query.shape.at(-1)!)(norms('0', channels).shift)
  return {
    question: loosely(rearrange)('...s n e -> ...s n 1 1 e')(
      loosely(() => mul)()(question, norms('0', channels).scale),
    ),
    constant: loosely(rearrange)('...s n -> ...s n 1 1 1')(loosely(einsum)('...s n c, c -> ...s n')(query, shift)),
  }
}
/** The scale and shift of a LayerNorm alone. */
const norms = (name: string, width: Dim) => ({
  scale: param(`${name}.weight`, [width], { init: 'ones' }),
  shift: param(`${name}.bias`, [width], { init: 'zeros' }),
})
const rescale =
  (name: string) =>
  (x: Loose): Loose => {
    const { scale: by, shift } = norms(name, x.shape.at(-1)!)
    return loosely(() => add)()(loosely(() => mul)()(x, by), shift)
  }
