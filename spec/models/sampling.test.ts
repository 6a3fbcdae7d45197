/** Drawing a token from the best candidates: each setting against what it says, by counting and by a plain transcription. */
import { either as E } from 'fp-ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evaluate, inputOf, value } from 'sluice'
import { choiceBy, choices, type Sampling } from '../../models/answer/sampling.ts'
import { right } from './values.ts'

/** Scores by id, likeliest first, as the device gives them. */
const candidatesOf = (scores: readonly number[]) => {
  const order = scores.map((_, id) => id).sort((a, b) => scores[b]! - scores[a]!)
  return {
    candidates: value([1, order.length], order, 'index'),
    scores: value(
      [1, order.length],
      order.map(id => scores[id]!),
    ),
  }
}
/** How often each id is drawn, in so many steps. */
const shares = (scores: readonly number[], sampling: Sampling, text: readonly number[] = []): readonly number[] => {
  const { pick } = right(choiceBy(sampling))
  const values = candidatesOf(scores)
  const counts = scores.map(() => 0)
  const steps = 20_000
  for (let step = 0; step < steps; step++) counts[pick(values, text, step)]!++
  return counts.map(count => count / steps)
}
const softmax = (scores: readonly number[]): readonly number[] => {
  const weights = scores.map(score => Math.exp(score))
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map(w => w / sum)
}
const expectShares = (got: readonly number[], wanted: readonly number[]): void =>
  // four standard deviations of a share of 20000
  got.forEach((share, i) => expect(Math.abs(share - wanted[i]!), `id ${i}`).toBeLessThan(0.0142))

const scores = [0.3, 2, -1, 1.5, 0.9, -4]
describe('drawing', () => {
  it('draws as often as is likely, at any temperature', () => {
    expectShares(shares(scores, {}), softmax(scores))
    expectShares(shares(scores, { temperature: 2.5, seed: 9 }), softmax(scores.map(s => s / 2.5)))
    expectShares(shares(scores, { temperature: 0.3 }), softmax(scores.map(s => s / 0.3)))
  })
  it('draws from the best few', () => {
    expectShares(
      shares(scores, { topK: 3 }),
      softmax(scores.map((s, id) => (id === 1 || id === 3 || id === 4 ? s : -Infinity))),
    )
  })
  it('makes what the text has less likely', () => {
    const penalised = [0.3, 2 / 1.5, -1 * 1.5, 1.5, 0.9, -4]
    expectShares(shares(scores, { repetitionPenalty: 1.5 }, [1, 2, 2, 7]), softmax(penalised))
    expect(right(choiceBy({ temperature: 0, repetitionPenalty: 2 })).pick(candidatesOf(scores), [1], 0)).toBe(3)
  })
  it('draws from the fewest that have a share of the probability', () => {
    const list = fc.uniqueArray(fc.integer({ min: -300, max: 300 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(list, fc.double({ min: 0.01, max: 1, noNaN: true }), (hundredths, topP) => {
        const drawn = hundredths.map(s => s / 100)
        const likely = softmax(drawn)
        const order = drawn.map((_, id) => id).sort((a, b) => drawn[b]! - drawn[a]!)
        // transformers: a token stays if those more likely have less than p together
        const kept = order.filter((_, i) => order.slice(0, i).reduce((sum, id) => sum + likely[id]!, 0) < topP)
        const { pick } = right(choiceBy({ topP }))
        for (let step = 0; step < 50; step++) expect(kept).toContain(pick(candidatesOf(drawn), [], step))
      }),
    )
    expectShares(shares([1, 0.9, -3], { topP: 0.6 }), [...softmax([1, 0.9]), 0])
  })
  it('takes a candidate even where scores are no numbers', () => {
    const values = candidatesOf([NaN, NaN])
    expect([0, 1]).toContain(right(choiceBy({})).pick(values, [], 0))
  })
  it('depends on seed and step alone', () => {
    const { pick } = right(choiceBy({ seed: 5 }))
    const list = (): readonly number[] => Array.from({ length: 50 }, (_, step) => pick(candidatesOf(scores), [], step))
    expect(list()).toEqual(list())
    expect(new Set(list()).size).toBeGreaterThan(1)
  })
  it('names every setting that is impossible', () => {
    const wrong = choiceBy({ temperature: -1, topK: 2.5, topP: NaN, repetitionPenalty: 0, seed: 0.5 })
    expect(E.isLeft(wrong) && wrong.left.message.split('\n').map(line => line.split(' ')[0])).toEqual([
      'temperature',
      'topK',
      'topP',
      'repetitionPenalty',
      'seed',
    ])
  })
})

it('brings back the likeliest, and the best 64 of more', () => {
  const logits = Array.from({ length: 100 }, (_, id) => Math.sin(id * 37))
  const made = choices(inputOf('logits', [1, 100]))
  const { token, candidates } = right(evaluate(made, { logits: value([1, 100], logits) }))
  const order = logits.map((_, id) => id).sort((a, b) => logits[b]! - logits[a]!)
  expect([...candidates!.data]).toEqual(order.slice(0, 64))
  expect([...token!.data]).toEqual([order[0]])
  const few = choices(inputOf('logits', [1, 10]))
  expect(few['scores']!.shape).toEqual([1, 10])
})
