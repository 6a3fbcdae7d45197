/** A language model alone continues a text, with the memory and the ways to choose that MG-LLaVA answers with. */
import { function as F, taskEither as TE } from 'fp-ts'
import type { Door } from '../../lib/errors.ts'
import type { LoadedLlama } from '../load/llama.ts'
import type { SessionOptions } from './ask.ts'
import { onDevice, type Engine } from './engine.ts'
import { generate, type GenerateOptions, type Said } from './generating.ts'
import { plainText, readers, type Reader } from './reading.ts'
import { choiceBy, type Choice } from './sampling.ts'

/** The longest continuation has 256 tokens unless said, and as many as the model has room for. */
export interface ContinueOptions extends GenerateOptions {
  /** ids of which each ends a text; it is the last of the continuation then */
  readonly ends?: readonly number[]
  /** called with all ids so far, after every one */
  readonly onToken?: (generated: readonly number[]) => void
  /** keep the logits that every id was chosen by */
  readonly keepRows?: boolean
}
/** A language model that is ready to continue texts. */
export interface TextSession {
  /** what comes after the ids of a text */
  readonly continue: (ids: readonly number[], options?: ContinueOptions) => Door<Said<'end'>>
  /** frees what was prepared */
  readonly dispose: () => void
}

/** A session with a language model, prepared when the first text is continued, and kept. */
export const openLlama = (
  { config, weights }: LoadedLlama,
  engine: Engine = onDevice(),
  { capacity, language: languageEngine = engine }: SessionOptions = {},
): TextSession => {
  const named = new Map([...weights].map(([name, entry]) => [`llm.${name}`, entry]))
  const language = readers({ llm: config, weights: named }, languageEngine, capacity)
  return {
    continue: (ids, { ends = [], maxNewTokens = 256, sampling, ...options } = {}) => {
      const ending = (generated: readonly number[]) => (ends.includes(generated.at(-1)!) ? 'end' : undefined)
      const continued = (choice: Choice) => (reader: Reader) =>
        generate(reader, plainText(config.width, ids), { ...options, maxNewTokens, choice, ending })
      return F.pipe(
        TE.fromEither(choiceBy(sampling)),
        TE.flatMap(choice => language.lend(ids.length + maxNewTokens, continued(choice))),
      )
    },
    dispose: language.dispose,
  }
}
