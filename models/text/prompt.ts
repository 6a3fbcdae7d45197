/**
 * From a question to the ids a language model reads, with a marker where the picture's tokens will go, and from the ids
 * it generates to an answer. Sources: PhoenixZ810/MG-LLaVA:xtuner/dataset/utils.py (encode_fn),
 * xtuner/dataset/map_fns/dataset_map_fns/llava_map_fn.py, xtuner/utils/constants.py.
 */
import { either as E } from 'fp-ts'
import type { SluiceError } from '../../lib/errors.ts'
import { fieldErrors } from '../../lib/json.ts'
import { strip } from './strip.ts'
import { marksOf, type Template } from './templates.ts'
import type { ChatTokenizer, Tokenizer } from './tokenizer.ts'

/** What a marker gives way to: the tokens of a picture, or of a video's frames. */
export type Marker = 'image' | 'video'
export const markerIds = { image: -200, video: -201 } as const

const spelled = (marker: Marker) => `<${marker}>`

/** The parts of a prompt before and after the marker, or the whole prompt of a question about nothing but itself. */
const partsOf = (template: Template, question: string, marker: Marker | undefined): string[] => {
  const [before, after] = template.instruction.split('{input}') as [string, string]
  if (marker === undefined) return [before + strip(question) + after]
  const rest = strip(question.replaceAll(spelled(marker), ''))
  return [before, strip(`${spelled(marker)}\n${rest}`).slice(spelled(marker).length) + after]
}

/** The question as the template puts it, the marker (taken out of the question wherever it stood) in front of it. */
export const promptText = (template: Template, question: string, marker?: Marker): string =>
  partsOf(template, question, marker).join(marker === undefined ? '' : spelled(marker))

/** Start token, ids before the marker, −200 or −201, ids after it; the two parts are encoded on their own. */
export const promptIds = (
  tokenizer: ChatTokenizer,
  template: Template,
  question: string,
  marker?: Marker,
): number[] => {
  const [before, after] = partsOf(template, question, marker) as [string, string?]
  const start = [tokenizer.bos, ...tokenizer.encode(before)]
  return marker === undefined ? start : [...start, markerIds[marker], ...tokenizer.encode(after ?? '')]
}

/** Fails if a mark of the template is not a single token of this tokenizer, whose file is named. */
export const fitTemplate = <T extends Tokenizer>(
  tokenizer: T,
  template: Template,
  file: string,
): E.Either<SluiceError, T> => {
  const lost = marksOf(template).filter(mark => {
    const ids = tokenizer.encode(mark)
    return ids.length !== 1 || tokenizer.pieceOf(ids[0]!) !== mark
  })
  if (lost.length === 0) return E.right(tokenizer)
  const message = `the template needs ${lost.join(', ')} as single tokens, and added_tokens has no such token`
  return E.left(fieldErrors(file, [{ path: 'added_tokens', message }]))
}

/** Why an answer is complete, or undefined if it goes on: its last id is the end token, or its text ends in a stop word. */
export const endingOf =
  (tokenizer: ChatTokenizer, { stopWords }: Template) =>
  (generated: readonly number[]): 'eos' | 'stop word' | undefined => {
    if (generated.at(-1) === tokenizer.eos) return 'eos'
    if (stopWords.length === 0) return undefined
    const text = tokenizer.decode(generated, { special: true }).replaceAll(/[\r\n]/g, '')
    return stopWords.some(word => text.endsWith(word)) ? 'stop word' : undefined
  }

/** The answer in generated ids: without special tokens, stripped. */
export const answerOf = (tokenizer: Tokenizer, generated: readonly number[]): string =>
  strip(tokenizer.decode(generated))
