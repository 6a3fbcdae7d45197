/**
 * config.json of a language model as Hugging Face publishes it. Two families are known, which differ in their
 * projections only: llama (Vicuna, LLaMA-3, Yi) and phi3, whose q/k/v and gate/up are joined.
 */
import { either as E } from 'fp-ts'
import * as t from 'io-ts'
import type { SluiceError } from '../../lib/errors.ts'
import { readJson } from '../../lib/json.ts'
import { joined, separate, type LlamaConfig } from '../llama.ts'
import { absent, checked, layerCount, no, oneOf, optional, positive, problem, whole } from './fields.ts'

const codec = t.type({
  model_type: oneOf(['llama', 'phi3']),
  vocab_size: whole,
  hidden_size: whole,
  intermediate_size: whole,
  num_hidden_layers: layerCount,
  num_attention_heads: whole,
  num_key_value_heads: optional(whole),
  head_dim: optional(whole),
  max_position_embeddings: optional(whole),
  rms_norm_eps: positive,
  rope_theta: optional(positive),
  // where newer files say it
  rope_parameters: optional(t.type({ rope_type: optional(oneOf(['default'])), rope_theta: optional(positive) })),
  rope_scaling: absent,
  hidden_act: oneOf(['silu']),
  attention_bias: no,
  mlp_bias: no,
  tie_word_embeddings: optional(t.boolean),
})
export type LlmFile = t.TypeOf<typeof codec>

/** The language model's configuration; `format` or `field`. */
export const readLlm = (text: string, file: string): E.Either<SluiceError, LlmFile> => {
  const config = readJson(codec, text, file)
  if (E.isLeft(config)) return config
  const { hidden_size, head_dim, num_attention_heads: heads, num_key_value_heads: keyHeads = heads } = config.right
  const width = head_dim ?? hidden_size / heads
  return checked(file, config.right, [
    ...problem(
      head_dim !== undefined || hidden_size % heads === 0,
      'hidden_size',
      `${hidden_size} cannot be divided among num_attention_heads ${heads}`,
    ),
    ...problem(
      width % 2 === 0 || !Number.isInteger(width),
      head_dim === undefined ? 'hidden_size' : 'head_dim',
      `expected heads of an even width, since positions turn pairs of numbers, found ${width}`,
    ),
    ...problem(
      heads % keyHeads === 0,
      'num_key_value_heads',
      `expected a divisor of num_attention_heads ${heads}, found ${keyHeads}`,
    ),
  ])
}

/** The language model as `embed`, `transform` and `head` take it. */
export const llamaConfigOf = (c: LlmFile): LlamaConfig<number, number> => ({
  width: c.hidden_size,
  layers: c.num_hidden_layers,
  heads: c.num_attention_heads,
  keyHeads: c.num_key_value_heads ?? c.num_attention_heads,
  headWidth: c.head_dim ?? c.hidden_size / c.num_attention_heads,
  mlpWidth: c.intermediate_size,
  vocabulary: c.vocab_size,
  theta: c.rope_parameters?.rope_theta ?? c.rope_theta ?? 10000,
  eps: c.rms_norm_eps,
  ...(c.max_position_embeddings === undefined ? {} : { positions: c.max_position_embeddings }),
  projections: c.model_type === 'phi3' ? joined : separate,
})
