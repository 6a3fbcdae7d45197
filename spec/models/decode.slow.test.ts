/**
 * Decoding with a memory is the same function as reading the whole text: for every way in which the decoders differ (heads of keys,
 * joined projections), however a text is cut into pieces, and whatever stands in slots that are not written yet.
 */
import fc from 'fast-check'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { compile, indexInput, updates, value, type Program, type Value } from 'sluice'
import { load, read, readLast, remembering, splice, type LoadedMgLlava } from 'sluice/models'
import { add, iota } from 'sluice/ops'
import { nodeFolder } from '../../lib/node/files.ts'
import { goldenRoots } from '../golden/where.ts'
import { right } from './values.ts'

const capacity = 64
const length = 24
const models = { 'a head of keys for each': 'vicuna', 'two for four': 'llama3', 'one for seven': 'yi', joined: 'phi3' }

const ids = indexInput('ids', ['n'])
const position = indexInput('position', [1])
/** One pass over a text: scores after every token. */
const whole = ({ parts }: LoadedMgLlava) => ({ logits: read(parts)(splice(parts)([ids])) })
/** The scores after the last of some more tokens. */
const remembered = ({ parts }: LoadedMgLlava) => {
  const positions = add(iota('n'), position)
  return { logits: readLast(parts, remembering(capacity, position))(splice(parts)([ids]), positions) }
}
const indices = (list: readonly number[]): Value => value([list.length], list, 'index')

interface Both {
  readonly text: readonly number[]
  /** scores after every token, by one pass */
  readonly expected: readonly (readonly number[])[]
  readonly program: Program
}
const opened = new Map<string, Promise<Both>>()
const open = async (name: string): Promise<Both> => {
  const model = right(await load(nodeFolder(join(goldenRoots('mg-llava').at(-1)!, `conv-gate-${name}`)))())
  const { weights, parts } = model
  const text = Array.from({ length }, (_, i) => (i * i * 7 + 11 * i + 3) % Number(parts.llm.vocabulary))
  const plain = right(await compile(whole(model), { weights })())
  const { data } = right(await plain.run({ ids: indices(text) })())['logits']!
  plain.dispose()
  const outputs = remembered(model)
  const program = right(await compile(outputs, { weights, next: updates(outputs) })())
  const width = data.length / length
  return { text, program, expected: text.map((_, i) => [...data.slice(i * width, (i + 1) * width)]) }
}
const bothOf = (name: string): Promise<Both> => {
  const known = opened.get(name) ?? open(name)
  opened.set(name, known)
  return known
}
afterAll(async () => {
  for (const both of opened.values()) (await both).program.dispose()
})

const readPiece = async ({ program, text }: Both, from: number, to: number): Promise<readonly number[]> => {
  const feeds = { ids: indices(text.slice(from, to)), position: indices([from]) }
  return [...right(await program.run(feeds)())['logits']!.data]
}
/** Largest difference, in standard deviations of what is expected. */
const apart = (got: readonly number[], wanted: readonly number[]): number => {
  const mean = wanted.reduce((a, b) => a + b, 0) / wanted.length
  const deviation = Math.sqrt(wanted.reduce((a, x) => a + (x - mean) ** 2, 0) / wanted.length)
  return Math.max(...wanted.map((x, i) => Math.abs(x - got[i]!))) / deviation
}

describe('a memory', { timeout: 120_000 }, () => {
  for (const [projections, name] of Object.entries(models))
    it(`gives the scores of one pass, token by token: ${projections}`, async () => {
      const both = await bothOf(name)
      for (const [i, wanted] of both.expected.entries())
        expect(apart(await readPiece(both, i, i + 1), wanted), `token ${i}`).toBeLessThan(1e-4)
    })

  it('is written in place', async () => {
    const { program } = await bothOf('llama3')
    expect(program.lowered.next.map(({ state, from }) => from.id === state.id)).toEqual([true, true, true, true])
  })

  it('gives the same scores however a text is cut, and whatever is in slots beyond', async () => {
    const both = await bothOf('llama3')
    const cuts = fc.subarray(Array.from({ length: length - 1 }, (_, i) => i + 1))
    const left = fc.double({ min: -1e6, max: 1e6, noNaN: true })
    await fc.assert(
      fc.asyncProperty(cuts, left, async (inner, number) => {
        for (const { state } of both.program.lowered.next) {
          if (state.holds.what !== 'state') continue
          const { shape, name } = state.holds.source
          const size = shape.map(Number).reduce((a, b) => a * b, 1)
          const old = value(shape.map(Number), new Float32Array(size).fill(number))
          right(await both.program.writeState(name, old)())
        }
        const ends = [...inner, length]
        for (const [i, end] of ends.entries())
          expect(apart(await readPiece(both, ends[i - 1] ?? 0, end), both.expected[end - 1]!)).toBeLessThan(1e-4)
      }),
      { numRuns: 25 },
    )
  })
})
