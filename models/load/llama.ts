/**
 * A language model alone: a folder as Hugging Face publishes it (config.json, tokenizer.json, weights in one file or in
 * shards) becomes a Llama with weights. It is the same `llama` that MG-LLaVA contains.
 */
import { platform } from '#platform'
import { either as E, function as F, taskEither as TE } from 'fp-ts'
import type { Door } from '../../lib/errors.ts'
import { indexInput, parameters } from '../../lib/index.ts'
import { join, textOf, type Folder } from '../../lib/weights/byte-source.ts'
import { fitTensors } from '../../lib/weights/fit.ts'
import { openWeights } from '../../lib/weights/open-weights.ts'
import type { TensorEntry } from '../../lib/weights/tensor-file.ts'
import { llama, type LlamaConfig } from '../llama.ts'
import { readTokenizer, type Tokenizer } from '../text/index.ts'
import { llamaConfigOf, readLlm } from './llm-files.ts'
import { together } from './together.ts'

/** A Llama with weights, and its tokenizer. */
export interface LoadedLlama {
  readonly config: LlamaConfig<number, number>
  readonly tokenizer: Tokenizer
  /** by the names of the model's parameters */
  readonly weights: ReadonlyMap<string, TensorEntry>
}

const textIn = (folder: Folder, file: string): Door<string> => F.pipe(folder.open(file), TE.flatMap(textOf))

/** Opens a folder, or the folder at a path; all that is wrong with it in one error. */
export const loadLlama = (where: Folder | string): Door<LoadedLlama> => {
  const folder = typeof where === 'string' ? platform.files.within(where) : where
  const nameOf = (file: string): string => join(folder.name, file)
  const tied = { parameter: 'lm_head.weight', inFile: 'model.embed_tokens.weight' }
  return F.pipe(
    together({
      config: TE.flatMapEither((text: string) => readLlm(text, nameOf('config.json')))(textIn(folder, 'config.json')),
      tokenizerText: textIn(folder, 'tokenizer.json'),
      file: openWeights(folder),
    }),
    TE.flatMapEither(({ config: read, tokenizerText, file }) => {
      const config = llamaConfigOf(read)
      const names = parameters(llama(config)(indexInput('ids', ['text'])))
      const nameInFile = (name: string): string =>
        read.tie_word_embeddings === true && name === tied.parameter ? tied.inFile : name
      const wanted = names.map(({ name, shape }) => ({ name: nameInFile(name), shape: shape.map(Number) }))
      return F.pipe(
        E.Do,
        E.bind('tokenizer', () => readTokenizer(tokenizerText, nameOf('tokenizer.json'), read.vocab_size)),
        E.bind('fitted', () => fitTensors(file, wanted)),
        E.map(({ tokenizer, fitted }) => {
          const weights = new Map(names.map(({ name }, i) => [name, fitted.tensors.get(wanted[i]!.name)!]))
          return { config, tokenizer, weights }
        }),
      )
    }),
  )
}
