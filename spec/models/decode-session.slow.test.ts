/**
 * Answers, token by token, on the device: a trained Llama says what PyTorch's says, greedily or drawn; decoding makes no pipelines, holds
 * no more from token to token, and brings back what choosing needs; it can be stopped between two tokens.
 */
import { either as E, taskEither as TE } from 'fp-ts'
import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { compile, indexInput, openDevice, value, type Door, type RunOptions } from 'sluice'
import {
  byReference,
  llama,
  load,
  loadLlama,
  onDevice,
  openLlama,
  openSession,
  type ContinueOptions,
  type Engine,
  type Prepared,
  type Question,
} from 'sluice/models'
import { slice } from 'sluice/ops'
import { nodeFolder } from '../../lib/node/files.ts'
import { decodePicture } from '../../lib/node/pictures.ts'
import { lengthOf, pieceOf } from '../../models/answer/reading.ts'
import { goldenRoots } from '../golden/where.ts'
import { right } from './values.ts'

const path = fileURLToPath(new URL('../../examples/data/stories260K', import.meta.url))
const { prompts } = JSON.parse(readFileSync(join(path, 'expected.json'), 'utf8')) as {
  readonly prompts: readonly { readonly ids: number[]; readonly generated: number[] }[]
}
const device = right(await openDevice()())
const engine = onDevice({ device })
const model = right(await loadLlama(path)())
const session = openLlama(model, engine)
afterAll(() => {
  session.dispose()
  device.dispose()
})
const messageOf = async (door: Door<unknown>): Promise<string> => {
  const result = await door()
  return E.isLeft(result) ? `${result.left.kind}: ${result.left.message}` : 'nothing is wrong'
}

describe('a Llama that continues texts', { timeout: 120_000 }, () => {
  it('says 200 tokens of every text as its reference, with what the first token needed', async () => {
    const counts: ReturnType<typeof device.counters>[] = []
    for (const { ids, generated } of prompts) {
      const before = device.counters().readBack
      const onToken = (): void => void counts.push(device.counters())
      const said = right(await session.continue(ids, { maxNewTokens: 200, onToken })())
      expect(said).toEqual({ generated, endedBy: 'limit', rows: [] })
      // one number for a token
      expect(device.counters().readBack - before).toBe(4 * 200)
    }
    const [first, ...later] = counts
    expect(later.map(c => c.pipelines)).toEqual(later.map(() => first!.pipelines))
    const [warm, last] = [counts[200]!, counts.at(-1)!]
    expect(last.buffers - warm.buffers).toBeLessThanOrEqual(2)
    const within = counts.slice(-199)
    expect(within.map(({ buffers, bytes }) => ({ buffers, bytes }))).toEqual(
      within.map(() => ({ buffers: last.buffers, bytes: last.bytes })),
    )
  })

  const { ids, generated } = prompts[0]!
  const drawn = async (options: ContinueOptions): Promise<readonly number[]> =>
    right(await session.continue(ids, { maxNewTokens: 24, ...options })()).generated
  it('draws the same again for a seed, and something else for another', async () => {
    const before = device.counters()
    const one = await drawn({ sampling: { seed: 1 } })
    expect(await drawn({ sampling: { seed: 1 } })).toEqual(one)
    expect(await drawn({ sampling: { seed: 2 } })).not.toEqual(one)
    const { pipelines, readBack } = device.counters()
    // 64 candidates and their scores
    expect([pipelines, readBack - before.readBack]).toEqual([before.pipelines, 3 * 24 * 64 * 8])
  })
  it('takes the likeliest where nothing else can be drawn', async () => {
    const likeliest = generated.slice(0, 24)
    for (const sampling of [{ temperature: 0 }, { topK: 1 }, { topP: 1e-9 }, { temperature: 1e-4 }])
      expect(await drawn({ sampling }), JSON.stringify(sampling)).toEqual(likeliest)
  })
  it('repeats less with a penalty', async () => {
    const penalised = await drawn({ sampling: { temperature: 0, repetitionPenalty: 1e6 } })
    expect(new Set([...ids, ...penalised]).size).toBe(ids.length + penalised.length)
  })

  it('ends at an id that ends texts', async () => {
    const end = generated[7]!
    const said = right(await session.continue(ids, { ends: [end] })())
    expect(said).toEqual({ generated: generated.slice(0, generated.indexOf(end) + 1), endedBy: 'end', rows: [] })
  })
  it('stops between tokens when told to, and continues the next text', async () => {
    const stop = new AbortController()
    const lengths: number[] = []
    const onToken = (all: readonly number[]): void => {
      lengths.push(all.length)
      if (all.length === 5) stop.abort()
    }
    expect(await messageOf(session.continue(ids, { onToken, signal: stop.signal }))).toBe(
      'interrupted: the answer was interrupted',
    )
    expect(lengths).toEqual([1, 2, 3, 4, 5])
    expect(await drawn({})).toEqual(generated.slice(0, 24))
  })
  it('stops in the middle of a token too', async () => {
    const stop = new AbortController()
    const onToken = (all: readonly number[]): void => {
      if (all.length === 3) setTimeout(() => stop.abort(), 1)
    }
    const message = await messageOf(session.continue(ids, { onToken, signal: stop.signal, maxNewTokens: 250 }))
    expect(message).toMatch(/^interrupted: /)
    expect(await drawn({})).toEqual(generated.slice(0, 24))
  })
  it('lets texts that are asked for at the same time wait for one another', async () => {
    const both = await Promise.all([drawn({}), session.continue(prompts[1]!.ids, { maxNewTokens: 24 })()])
    expect(both[0]).toEqual(generated.slice(0, 24))
    expect(right(both[1]).generated).toEqual(prompts[1]!.generated.slice(0, 24))
  })

  /** A session that notes how its model is run. */
  const watched = (overlaps: boolean) => {
    const seen = { underWay: 0, most: 0, options: [] as RunOptions[] }
    const watching: Engine = (outputs, weights) =>
      TE.map((prepared: Prepared): Prepared => {
        const run: Prepared['run'] = (feeds, options) => async () => {
          seen.options.push(options ?? {})
          seen.most = Math.max(seen.most, ++seen.underWay)
          const values = await prepared.run(feeds, options)()
          seen.underWay--
          return values
        }
        return { ...prepared, run, overlaps }
      })(engine(outputs, weights))
    return { session: openLlama(model, watching), seen }
  }
  it('says the same with and without reading ahead, to whatever end', async () => {
    const [plain, ahead] = [watched(false), watched(true)]
    for (const { ids, generated } of prompts)
      for (const options of [
        { maxNewTokens: 24 },
        { ends: [generated[9]!] },
        { maxNewTokens: 1 },
        { maxNewTokens: 2 },
      ]) {
        const texts = await Promise.all([plain, ahead].map(one => one.session.continue(ids, options)()))
        const [one, other] = texts.map(right)
        expect(other).toEqual(one)
        expect(one!.generated).toEqual(generated.slice(0, one!.generated.length))
      }
    // one that is read in two pieces
    const long = [...ids, ...generated, ...ids, ...generated]
    const texts = await Promise.all([plain, ahead].map(one => one.session.continue(long, { maxNewTokens: 8 })()))
    expect(right(texts[1]!)).toEqual(right(texts[0]!))
    expect([plain.seen.most, ahead.seen.most]).toEqual([1, 2])
    for (const { session } of [plain, ahead]) session.dispose()
  })
  it('lets a text go on that is asked for while another was read ahead', async () => {
    const { session, seen } = watched(true)
    const [, two] = prompts
    const asked = { ends: [generated[4]!] }
    const both = await Promise.all([session.continue(ids, asked)(), session.continue(two!.ids, { maxNewTokens: 24 })()])
    expect(both.map(right).map(said => said.generated)).toEqual([
      generated.slice(0, generated.indexOf(generated[4]!) + 1),
      two!.generated.slice(0, 24),
    ])
    expect(seen.underWay).toBe(0)
    session.dispose()
  })
  it('computes the likeliest token where that is asked for alone', async () => {
    const { session, seen } = watched(true)
    const long = [...ids, ...generated, ...ids]
    right(await session.continue([...long, ...long], { maxNewTokens: 2 })())
    right(await session.continue(ids, { maxNewTokens: 2, sampling: { seed: 1 } })())
    const layers = Array.from({ length: model.config.layers }, (_, i) => `llm.model.layers.${i}.self_attn`)
    const memory = layers.flatMap(layer => [`${layer}.k`, `${layer}.v`])
    const drawn = { only: ['candidates', 'scores'], advance: memory }
    const likeliest = { only: ['token'] }
    expect(seen.options).toEqual([{ only: [], advance: memory }, likeliest, likeliest, drawn, drawn])
    session.dispose()
  })
  it('says the same by the references', async () => {
    const slow = openLlama(model, byReference)
    expect(right(await slow.continue(ids, { maxNewTokens: 5 })()).generated).toEqual(generated.slice(0, 5))
    slow.dispose()
  })

  it('ends where its memory does', async () => {
    const small = openLlama(model, engine, { capacity: 16 })
    const said = right(await small.continue(ids, { maxNewTokens: 100 })())
    expect(said).toEqual({ generated: generated.slice(0, 16 - ids.length + 1), endedBy: 'limit', rows: [] })
    expect(await messageOf(small.continue(generated.slice(0, 20)))).toBe(
      'limit: the text has 20 tokens, and the model remembers 16. Next step: open the session with a capacity of 20 tokens or more',
    )
    small.dispose()
  })
  it('makes room for a longer text, up to what the model was made for', async () => {
    const growing = openLlama(model, engine)
    const all = [...ids, ...generated]
    right(await growing.continue(ids, { maxNewTokens: 1 })())
    const said = right(await growing.continue(all.slice(0, 200), { maxNewTokens: 60 })())
    expect(said.generated.slice(0, all.length - 200)).toEqual(all.slice(200))
    expect(await messageOf(growing.continue([...all, ...all, ...all]))).toBe(
      'limit: the text has 615 tokens, and the model remembers 512. Next step: ask a shorter question, or show fewer frames or boxes',
    )
    growing.dispose()
  })
  it('reads a long text in pieces', async () => {
    const long = [...ids, ...generated, ...ids, ...generated]
    const { rows } = right(await session.continue(long, { maxNewTokens: 1, keepRows: true })())
    const last = slice({ axis: 0, start: -1 })(llama(model.config)(indexInput('ids', ['text'])))
    const plain = right(await compile(last, { weights: model.weights, device })())
    const { output } = right(await plain.run({ ids: value([long.length], long, 'index') })())
    plain.dispose()
    const wanted = [...output!.data]
    const deviation = Math.sqrt(wanted.reduce((sum, x) => sum + x * x, 0) / wanted.length)
    expect(Math.max(...wanted.map((x, i) => Math.abs(x - rows[0]!.data[i]!)))).toBeLessThan(1e-4 * deviation)
  })
  it('says what is wrong with a text or a setting', async () => {
    expect(await messageOf(session.continue([]))).toBe('feed: a text to read has one token at least')
    expect(await messageOf(session.continue(ids, { sampling: { topK: 65, topP: 0 } }))).toBe(
      'several: topK should be a whole number from 1 to 64, but is 65\ntopP should be above 0 and at most 1, but is 0',
    )
  })
})

it('cuts a text into pieces that are the text together', () => {
  const ids = fc.array(fc.nat(99), { maxLength: 12 })
  const size = fc.integer({ min: 1, max: 9 })
  fc.assert(
    fc.property(ids, fc.nat(12), ids, size, (before, rows, after, size) => {
      const seen = value(
        [rows, 2],
        Array.from({ length: 2 * rows }, (_, i) => i),
      )
      const text = { before, seen, after }
      const pieces = Array.from({ length: Math.ceil(lengthOf(text) / size) }, (_, i) =>
        pieceOf(text, size * i, Math.min(lengthOf(text), size * (i + 1))),
      )
      for (const piece of pieces.slice(0, -1)) expect(lengthOf(piece)).toBe(size)
      expect(pieces.flatMap(piece => piece.before)).toEqual(before)
      expect(pieces.flatMap(piece => [...piece.seen.data])).toEqual([...seen.data])
      expect(pieces.flatMap(piece => piece.after)).toEqual(after)
    }),
  )
})

describe('MG-LLaVA', { timeout: 120_000 }, () => {
  it('answers as by the references, and a second question of other lengths with the same pipelines', async () => {
    const folder = nodeFolder(join(goldenRoots('mg-llava').at(-1)!, 'conv-gate-vicuna'))
    const jsonOf = async (file: string): Promise<unknown> => {
      const source = right(await folder.open(file)())
      return JSON.parse(new TextDecoder().decode(right(await source.read(0, source.size)())))
    }
    const questions = (await jsonOf('questions.json')) as readonly Question[]
    const { questions: expected } = (await jsonOf('expected.json')) as { questions: readonly { text: string }[] }
    const asked = openSession(right(await load(folder)()), { files: folder, decode: decodePicture }, engine)
    const grown: string[] = []
    const first = right(await asked.ask(questions[0]!, { onText: text => void grown.push(text) })())
    expect(first.text).toBe(expected[0]!.text)
    expect(grown).toHaveLength(first.generated.length)
    expect(grown.at(-1)).toBe(first.text)
    const before = device.counters()
    const other = right(await asked.ask({ ...questions[0]!, prompt: 'Is it warm there, do you think?' })())
    expect(other.inputIds).not.toHaveLength(first.inputIds.length)
    const after = device.counters()
    expect(after.pipelines).toBe(before.pipelines)
    // what is seen, and one number for a token, and for what was read ahead
    const seen = right(await asked.ask(questions[0]!, { maxNewTokens: 0 })())
    expect(seen.generated).toEqual([])
    const [pictures, both] = [device.counters().readBack - after.readBack, after.readBack - before.readBack]
    expect(both - pictures).toBe(4 * (other.generated.length + (other.endedBy === 'limit' ? 0 : 1)))
    asked.dispose()
  })
})
