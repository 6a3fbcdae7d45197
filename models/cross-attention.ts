/**
 * The attention that the variants of MG-LLaVA ask one map of features with another: one head, a LayerNorm and a Linear
 * before each of query, key and value, no output projection. Source: dvlab-research/MGM:mgm/model/mgm_arch.py
 * (unified_resampler), whose names the checkpoints have.
 */
import { lastSize, pipe, scope, type Dim, type Shape, type Tensor } from '../lib/index.ts'
import { attention, rearrange } from '../ops/index.ts'
import { layerNorm, linear } from '../ops/layers/index.ts'

/**
 * What x [..., N, C] finds in a memory [..., M, E]: [..., N, C]. Parameters `vlm_uni_{query,<key>,val}_projector.{0,1}`: the key
 * side is called `key` where boxes take part, `aux` in patch info mining.
 */
export const askMemory =
  (key: 'key' | 'aux') =>
  <S extends Shape, N extends Dim, M extends Dim, C extends Dim, E extends Dim>(
    x: Tensor<[...S, N, C]>,
    memory: Tensor<[...S, M, E]>,
  ): Tensor<[...S, N, C]> => {
    const branch = (name: string) => scope(`vlm_uni_${name}_projector`, oneHead(lastSize(x)))
    const found = attention()(branch('query')(x), branch(key)(memory), branch('val')(memory))
    return rearrange('...s 1 n c -> ...s n c')(found)
  }
const oneHead =
  <C extends Dim>(width: C) =>
  <S extends Shape, N extends Dim, I extends Dim>(x: Tensor<[...S, N, I]>): Tensor<[...S, 1, N, C]> =>
    pipe(x, layerNorm('0'), linear('1', width), rearrange('...s n c -> ...s 1 n c'))
