/**
 * Generating with a reader that is written here: what is read ahead changes no answer, goes beyond no limit, and is over before the reader
 * is anybody else's. decode-session.slow.test.ts does it with a model on the device.
 */
import { either as E } from 'fp-ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { interrupted, value } from 'sluice'
import type { Values } from '../../models/answer/engine.ts'
import { generate, type Generating } from '../../models/answer/generating.ts'
import { lengthOf, plainText, saidLast, type Reader } from '../../models/answer/reading.ts'
import { choiceBy } from '../../models/answer/sampling.ts'
import { right } from './values.ts'

const vocabulary = 13
/** A language: what is likeliest after a text. */
const likeliest = (ids: readonly number[]): number =>
  ids.reduce((hash, id) => (31 * hash + id + 7) % 1009, 5) % vocabulary

/** A reader that speaks it, some turns of the event loop late. It computes in the order of the calls, as a device does. */
const readerFor = (capacity: number, overlaps: boolean) => {
  let remembered: number[] = []
  let said = 0
  const seen = { reads: 0, underWay: 0, mostUnderWay: 0 }
  const reader: Reader = {
    capacity,
    overlaps,
    forget: () => {
      expect(seen.underWay).toBe(0)
      remembered = []
      said = 0
      return Promise.resolve(E.right(undefined))
    },
    read: (text, position, only, signal) => async () => {
      const isStopped = (): boolean => signal?.aborted === true
      if (isStopped()) return E.left(interrupted('the answer'))
      expect(position).toBe(remembered.length)
      expect(position + lengthOf(text)).toBeLessThanOrEqual(capacity)
      remembered = [...remembered, ...text.before, ...text.after].map(id => (id === saidLast ? said : id))
      const id = likeliest(remembered)
      if (only.includes('token')) said = id
      const values: Values = {
        token: value([1], [id], 'index'),
        candidates: value([1, 1], [id], 'index'),
        scores: value([1, 1], [1]),
        logits: value([1, vocabulary], new Float32Array(vocabulary).fill(remembered.length)),
      }
      seen.reads++
      seen.mostUnderWay = Math.max(seen.mostUnderWay, ++seen.underWay)
      for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
      seen.underWay--
      return isStopped() ? E.left(interrupted('running')) : E.right(values)
    },
    dispose: () => {},
  }
  return { reader, seen }
}

interface Case {
  readonly ids: readonly number[]
  readonly capacity: number
  readonly maxNewTokens: number
  readonly ends: readonly number[]
  /** the token after which somebody stops it */
  readonly stop?: number
  readonly more?: Partial<Generating<'end'>>
}
const answered = async ({ ids, capacity, maxNewTokens, ends, stop, more }: Case, overlaps: boolean) => {
  const { reader, seen } = readerFor(capacity, overlaps)
  const controller = new AbortController()
  const told: (readonly number[])[] = []
  const said = await generate(reader, plainText(4, ids), {
    maxNewTokens,
    choice: right(choiceBy()),
    ending: generated => (ends.includes(generated.at(-1)!) ? 'end' : undefined),
    signal: controller.signal,
    onToken: generated => {
      told.push(generated)
      if (generated.length === stop) controller.abort()
    },
    ...more,
  })()
  expect(seen.underWay).toBe(0)
  return { said, told, ...seen }
}

const id = fc.nat(vocabulary - 1)
const cases: fc.Arbitrary<Case> = fc
  .record({
    ids: fc.array(id, { minLength: 1, maxLength: 6 }),
    room: fc.nat(12),
    maxNewTokens: fc.nat(12),
    ends: fc.array(id, { maxLength: 3 }),
    stop: fc.option(fc.integer({ min: 1, max: 12 }), { nil: 0 }),
  })
  .map(({ room, ...rest }) => ({ ...rest, capacity: rest.ids.length + room }))

describe('reading ahead', () => {
  it('changes no answer, no error, and nothing that is told; it reads one token too many at most', () =>
    fc.assert(
      fc.asyncProperty(cases, async one => {
        const [plain, ahead] = [await answered(one, false), await answered(one, true)]
        expect(ahead.said).toEqual(plain.said)
        expect(ahead.told).toEqual(plain.told)
        expect(plain.mostUnderWay).toBeLessThanOrEqual(1)
        const atLimit = E.isRight(plain.said) && plain.said.right.endedBy === 'limit'
        expect(ahead.reads - plain.reads).toBeLessThanOrEqual(atLimit ? 0 : 1)
      }),
      { numRuns: 200 },
    ))

  const long: Case = { ids: [1, 2, 3], capacity: 64, maxNewTokens: 8, ends: [] }
  it('has the next token read while one is on its way, and never more', async () => {
    expect(await answered(long, true)).toMatchObject({ reads: 8, mostUnderWay: 2 })
  })
  it('is not done where tokens are drawn, or rows are kept', async () => {
    const drawn = await answered({ ...long, more: { choice: right(choiceBy({ seed: 1 })) } }, true)
    expect(drawn).toMatchObject({ reads: 8, mostUnderWay: 1 })
    const kept = await answered({ ...long, more: { keepRows: true } }, true)
    expect(kept).toMatchObject({ reads: 8, mostUnderWay: 1 })
    expect(right(kept.said).rows.map(({ data }) => data[0])).toEqual([3, 4, 5, 6, 7, 8, 9, 10])
  })
  it('is over when somebody who is told throws', async () => {
    const { reader, seen } = readerFor(64, true)
    const onToken = (generated: readonly number[]): void => {
      if (generated.length === 3) throw new Error('enough')
    }
    const choice = right(choiceBy())
    const door = generate(reader, plainText(4, [1]), { maxNewTokens: 8, choice, ending: () => undefined, onToken })
    await expect(door()).rejects.toThrow('enough')
    expect(seen).toMatchObject({ reads: 4, underWay: 0 })
  })
})
