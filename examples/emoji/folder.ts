/** The folder of a small model before it has learned anything: what a published checkpoint has, with initial numbers. */
import { platform } from '#platform'
import { either as E, taskEither as TE } from 'fp-ts'
import { initialValues, type Init } from '../../lib/graph/index.ts'
import { parameters, type Door } from '../../lib/index.ts'
import { floatTensor, type TensorEntry } from '../../lib/weights/tensor-file.ts'
import { writeSafetensors } from '../../lib/weights/safetensors.ts'
import { layersRun, mgLlava } from '../../models/index.ts'
import { nameInFile, partOf, renames } from '../../models/load/names.ts'
import { weightFiles } from '../../models/load/save.ts'
import { clipMean, clipStd } from '../../models/pictures/index.ts'
import type { SheetIndex } from '../../models/scenes/index.ts'
import { boxHidden, small } from './parts.ts'
import { tokenizerConfig, tokenizerFile } from './words.ts'

const { clip, llm, lowSize, imageSize, bins } = small
const wiring = {
  clip: 'clip',
  convnext: 'convnext',
  llm: 'llm',
  checkpoint: 'mg_llava.safetensors',
  image_size: imageSize,
  low_size: lowSize,
  select_layer: clip.select,
  fusion: 'conv-gate',
  boxes: 'placed',
  roi_size: bins,
  box_hidden: boxHidden,
  box_limit: 100,
  box_threshold: 0,
  template: 'vicuna',
  max_new_tokens: 40,
}
const clipConfig = {
  model_type: 'clip_vision_model',
  hidden_act: 'quick_gelu',
  hidden_size: clip.width,
  image_size: lowSize,
  intermediate_size: clip.mlpWidth,
  layer_norm_eps: clip.eps,
  num_attention_heads: clip.heads,
  num_hidden_layers: clip.layers,
  patch_size: clip.patch,
}
const preprocessor = {
  do_normalize: true,
  image_mean: clipMean,
  image_std: clipStd,
  resample: 3,
  crop_size: { height: lowSize, width: lowSize },
  size: { shortest_edge: lowSize },
}
const llmConfig = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  bos_token_id: 1,
  eos_token_id: 2,
  pad_token_id: 0,
  hidden_act: 'silu',
  hidden_size: llm.width,
  intermediate_size: llm.mlpWidth,
  max_position_embeddings: llm.positions,
  num_attention_heads: llm.heads,
  num_hidden_layers: llm.layers,
  num_key_value_heads: llm.keyHeads,
  rms_norm_eps: llm.eps,
  rope_theta: llm.theta,
  tie_word_embeddings: false,
  vocab_size: llm.vocabulary,
}

/**
 * What a parameter is before it learns. A published model's own initial numbers suit a long training of large layers; these let a short
 * training of narrow layers begin at once: the branches of ConvNeXt count from the first step, words are not larger than what is seen,
 * where an object lies counts as much as what it looks like, queries begin as keys do, so that a word attends to itself, and tokens of the
 * picture, of which there are many more than of objects, begin as nothing.
 */
const start = (name: string, shape: readonly number[], own: Init): Init => {
  if (name.endsWith('.embed_tokens.weight')) return { init: 'normal', std: 0.3 }
  if (name.startsWith('projector.model.2.')) return { init: 'zeros' }
  if (name.endsWith('.gamma')) return { init: 'constant', value: 0.5 }
  if (!name.startsWith('visual.trunk.') || shape.length < 2) return own
  return { init: 'normal', std: shape.slice(1).reduce((a, b) => a * b, 1) ** -0.5 }
}
/** The last columns read the 64 numbers of a place, which are smaller and fewer than the features before them. */
const enlargePlaces = (values: Float32Array, [rows = 0, columns = 0]: readonly number[]): void => {
  for (let row = 0; row < rows; row++)
    for (let column = columns - 64; column < columns; column++) values[row * columns + column]! *= 4
}
/** Initial numbers of all parameters of the model, by name. */
export const initialWeights = (seed: number): ReadonlyMap<string, TensorEntry> =>
  new Map(
    parameters(mgLlava(small)).map(({ name, shape, init }) => {
      const sizes = shape.map(Number)
      const twin = name.replace('.self_attn.q_proj.', '.self_attn.k_proj.')
      const values = initialValues(start(name, sizes, init ?? { init: 'zeros' }), twin, sizes, seed)
      if (name === 'bbox_projector.model.0.weight') enlargePlaces(values, sizes)
      return [name, floatTensor(name, sizes, values)]
    }),
  )

const naming = { llmInCheckpoint: false, tied: false, clipLayers: layersRun(clip) }
/** Writes the folder. Errors: `write`. */
export const writeFolder = (
  folder: string,
  index: SheetIndex,
  weights: ReadonlyMap<string, TensorEntry>,
): Door<void> => {
  const names = weightFiles(wiring)
  const files = new Map<string, TensorEntry[]>()
  for (const [name, entry] of weights) {
    const file = names[partOf(name, naming)]!
    files.set(file, [...(files.get(file) ?? []), { ...entry, name: nameInFile(name, renames(naming)) }])
  }
  const texts: Readonly<Record<string, unknown>> = {
    'clip/config.json': clipConfig,
    'clip/preprocessor_config.json': preprocessor,
    'llm/config.json': llmConfig,
    'llm/tokenizer.json': tokenizerFile(index),
    'llm/tokenizer_config.json': tokenizerConfig,
    'mg-llava.json': wiring,
  }
  const json = (value: unknown): Door<Uint8Array> =>
    TE.right(new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`))
  return async () => {
    for (const [file, entries] of files) {
      const pieces = writeSafetensors(entries, { format: 'pt' })
      const written = await platform.write(`${folder}/${file}`, pieces)()
      if (E.isLeft(written)) return written
    }
    for (const [file, content] of Object.entries(texts)) {
      const written = await platform.write(`${folder}/${file}`, [json(content)])()
      if (E.isLeft(written)) return written
    }
    return E.right(undefined)
  }
}
