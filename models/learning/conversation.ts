/**
 * A conversation as ids to learn from: every piece is encoded by itself, questions have no label, answers and what ends them are their
 * own. Sources: PhoenixZ810/MG-LLaVA:xtuner/dataset/map_fns/dataset_map_fns/llava_map_fn.py, map_fns/template_map_fn.py, dataset/utils.py
 * (encode_fn).
 */
import { either as E } from 'fp-ts'
import * as t from 'io-ts'
import { trainingError, type SluiceError } from '../../lib/errors.ts'
import { markerIds, strip, type ChatTokenizer, type Template } from '../text/index.ts'
import { unlabelled, type LabelledIds } from './splicing.ts'

export const messageCodec = t.intersection([
  t.type({ from: t.string, value: t.string }),
  t.partial({ family: t.string }),
])
export interface Message {
  /** human or gpt */
  readonly from: string
  readonly value: string
  /** what kind of question it is */
  readonly family?: string
}
/** A question and its answer; the question may be empty. */
export interface Turn {
  readonly question: string
  readonly answer: string
  /** what kind of question it is */
  readonly family?: string
}
/** Stands for the picture in a question. */
export const marker = '<image>'

/**
 * Questions with their answers. Answers before the first question and a question without an answer are left out, questions in a row are
 * joined, and the marker of a picture stands in front of its message. Error `training`: who is neither human nor gpt.
 */
export const turnsOf = (messages: readonly Message[]): E.Either<SluiceError, readonly Turn[]> => {
  const begins = messages.findIndex(({ from }) => from !== 'gpt')
  const turns: Turn[] = []
  let question = ''
  let family: Pick<Message, 'family'> = {}
  for (const { from, value, family: named } of begins < 0 ? [] : messages.slice(begins)) {
    if (named !== undefined) family = { family: named }
    if (from === 'human')
      question += value.includes(marker) ? strip(`${marker}\n${strip(value.replaceAll(marker, ''))}`) : value
    else if (from === 'gpt') {
      turns.push({ question, answer: value, ...family })
      question = ''
      family = {}
    } else return E.left(trainingError(`a message is from '${from}', should be from human or gpt`))
  }
  return E.right(turns)
}

export type Encoded = ({ readonly kept: true } & LabelledIds) | { readonly kept: false; readonly why: string }

/**
 * The ids of turns as a template puts them, cut at a length wherever that is. Not kept where there is nothing to learn. Error `training`:
 * two pictures in one question.
 */
export const encodeTurns =
  (tokenizer: ChatTokenizer, template: Template, maxLength: number) =>
  (turns: readonly Turn[]): E.Either<SluiceError, Encoded> => {
    if (turns.length === 0) return E.right({ kept: false, why: 'no turns' })
    const ids: number[] = []
    const labels: number[] = []
    const put = (some: readonly number[], learned: boolean): void => {
      ids.push(...some)
      labels.push(...(learned ? some : some.map(() => unlabelled)))
    }
    const encoded = (text: string): readonly number[] => (text === '' ? [] : tokenizer.encode(text))
    const ownEnd = template.suffix === ''
    for (const [k, { question, answer }] of turns.entries()) {
      const pieces = template.instruction.split('{input}').join(question).split(marker)
      if (pieces.length > 2) return E.left(trainingError('a question has two pictures, should have one at most'))
      if (k === 0 || ownEnd) put([tokenizer.bos], false)
      pieces.forEach((piece, i) => put([...(i === 0 ? [] : [markerIds.image]), ...encoded(piece)], false))
      put(encoded(answer + template.suffix), true)
      if (ownEnd) put([tokenizer.eos], true)
      put(encoded(template.separator), false)
    }
    const cut = { ids: ids.slice(0, maxLength), labels: labels.slice(0, maxLength) }
    const learns = cut.labels.some(label => label >= 0)
    return E.right(learns ? { kept: true, ...cut } : { kept: false, why: 'no supervised label' })
  }

/** A conversation as ids and labels. */
export const encodeConversation =
  (tokenizer: ChatTokenizer, template: Template, maxLength: number) =>
  (messages: readonly Message[]): E.Either<SluiceError, Encoded> => {
    const turns = turnsOf(messages)
    return E.isLeft(turns) ? turns : encodeTurns(tokenizer, template, maxLength)(turns.right)
  }
