/**
 * How the next token is chosen. Greedily, on the device, of which one number comes back; or drawn on the host from the 64 likeliest
 * candidates, which is what temperature, top-k, top-p and the repetition penalty are applied to, in this order: penalty, temperature,
 * top-k, top-p, as transformers does (huggingface/transformers:src/transformers/generation/logits_process.py). What is less likely than
 * 64 others is never drawn; with a top-k of at most 64 nothing is lost by that.
 */
import { either as E } from 'fp-ts'
import { feedError, several, type SluiceError } from '../../lib/errors.ts'
import { randomBits, type AnyTensor, type Value } from '../../lib/index.ts'
import { argmax, topK } from '../../ops/index.ts'
import type { Outputs, Values } from './engine.ts'

/** How to draw. */
export interface Sampling {
  /** scores are divided by it: below 1 likely tokens become likelier; at 0 the likeliest is taken. 1 unless said */
  readonly temperature?: number
  /** draw from so many of the likeliest, 64 at most; 64 unless said */
  readonly topK?: number
  /** draw from the fewest of the likeliest that have this share of the probability together; 1 unless said (Holtzman et al. 2019) */
  readonly topP?: number
  /** scores of tokens that the text has already are divided by it, negative ones multiplied; 1 unless said (Keskar et al., CTRL, 2019) */
  readonly repetitionPenalty?: number
  /** the same seed draws the same tokens; 0 unless said */
  readonly seed?: number
}
/** Which outputs a token is chosen from, and how; `text` are the ids before it, `step` counts the tokens of the answer. */
export interface Choice {
  readonly outputs: readonly string[]
  /** is it always the likeliest, which the device knows without being told? */
  readonly isLikeliest: boolean
  readonly pick: (values: Values, text: readonly number[], step: number) => number
}

/** candidates that come back from the device */
export const most = 64

/** What choices are made from, for scores [1, vocabulary]: `token` [1], and the best 64, `candidates` and their `scores`, [1, 64] each. */
export const choices = (logits: AnyTensor): Outputs => {
  const [, vocabulary] = logits.shape
  const { values, indices } = topK(Math.min(most, Number(vocabulary)))(logits as never)
  return { token: argmax(-1)(logits as never), candidates: indices, scores: values }
}

const greedy: Choice = { outputs: ['token'], isLikeliest: true, pick: ({ token }) => token!.data[0]! }

/** Draws as these settings say; without any, the likeliest. Error `feed`, with every setting that is impossible. */
export const choiceBy = (settings: Sampling = { temperature: 0 }): E.Either<SluiceError, Choice> => {
  const { temperature = 1, topK: k = most, topP = 1, repetitionPenalty = 1, seed = 0 } = settings
  const expected = (name: keyof Sampling, found: number, fits: boolean, what: string): readonly SluiceError[] =>
    fits ? [] : [feedError(name, `${name} should be ${what}, but is ${found}`)]
  const [wrong, ...more] = [
    ...expected('temperature', temperature, temperature >= 0 && temperature < Infinity, '0 or more'),
    ...expected('topK', k, Number.isInteger(k) && k >= 1 && k <= most, `a whole number from 1 to ${most}`),
    ...expected('topP', topP, topP > 0 && topP <= 1, 'above 0 and at most 1'),
    ...expected(
      'repetitionPenalty',
      repetitionPenalty,
      repetitionPenalty > 0 && repetitionPenalty < Infinity,
      'above 0',
    ),
    ...expected('seed', seed, Number.isSafeInteger(seed), 'a whole number'),
  ]
  if (wrong !== undefined) return E.left(several([wrong, ...more]))
  if (temperature === 0 && repetitionPenalty === 1) return E.right(greedy)
  const pick: Choice['pick'] = (values, text, step) => {
    const penalised = penalise(repetitionPenalty, text)(candidatesOf(values))
    const weights = weightsAt(temperature)(penalised.slice(0, k))
    return drawn(nucleus(topP)(weights), unit(seed, step))
  }
  return E.right({ outputs: ['candidates', 'scores'], isLikeliest: false, pick })
}

interface Candidate {
  readonly id: number
  readonly score: number
}
/** A candidate and how likely it is, in any unit. */
interface Weighted {
  readonly id: number
  readonly weight: number
}
const candidatesOf = ({ candidates, scores }: Values): readonly Candidate[] =>
  Array.from((candidates as Value).data, (id, i) => ({ id, score: (scores as Value).data[i]! }))

/** Likeliest first again, those that the text has already less likely. */
const penalise =
  (penalty: number, text: readonly number[]) =>
  (candidates: readonly Candidate[]): readonly Candidate[] => {
    if (penalty === 1) return candidates
    const said = new Set(text)
    const less = (score: number): number => (score < 0 ? score * penalty : score / penalty)
    const scored = candidates.map(({ id, score }) => ({ id, score: said.has(id) ? less(score) : score }))
    return scored.toSorted((a, b) => b.score - a.score)
  }
/** Probabilities, up to a common factor; at temperature 0 the first has all. */
const weightsAt =
  (temperature: number) =>
  (candidates: readonly Candidate[]): readonly Weighted[] => {
    const [best] = candidates
    if (temperature === 0) return [{ id: best!.id, weight: 1 }]
    return candidates.map(({ id, score }) => ({ id, weight: Math.exp((score - best!.score) / temperature) }))
  }
/** The fewest, from the first on, that have a share p of the whole together. */
const nucleus =
  (p: number) =>
  (candidates: readonly Weighted[]): readonly Weighted[] => {
    const enough = p * candidates.reduce((sum, { weight }) => sum + weight, 0)
    let before = 0
    return candidates.filter(({ weight }, i) => {
      const needed = i === 0 || before < enough
      before += weight
      return needed
    })
  }
/** The candidate at a place between 0 and 1 of all of them laid end to end. */
const drawn = (candidates: readonly Weighted[], at: number): number => {
  const place = at * candidates.reduce((sum, { weight }) => sum + weight, 0)
  let end = 0
  const found = candidates.find(({ weight }) => (end += weight) > place)
  // scores that are no numbers have no places
  return (found ?? candidates[0]!).id
}
/** Between 0 and 1, both excluded; step i of a seed is the same on any machine. */
const unit = (seed: number, step: number): number => (randomBits(seed, step) + 0.5) / 0x100000000
