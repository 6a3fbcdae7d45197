/** Learning with frozen towers is learning: from what they gave once, loss and answers are those from pixels. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { either as E } from 'fp-ts'
import { beforeAll, describe, expect, it } from 'vitest'
import { initialWeights } from '../../examples/emoji/folder.ts'
import { conversation, keptScenes, questions, shotOf, type KeptScene } from '../../examples/emoji/lessons.ts'
import { small } from '../../examples/emoji/parts.ts'
import { readWorld, seenScene } from '../../examples/emoji/scenes.ts'
import { chatTokenizer } from '../../examples/emoji/words.ts'
import { compile, type Door } from '../../lib/index.ts'
import {
  learning,
  learningFromTexts,
  learningFromViews,
  openExam,
  openTowers,
  viewsAsked,
  type Sample,
  type ViewedSample,
} from '../../models/learning/index.ts'
import { draws, splits, type World } from '../../models/scenes/index.ts'
import type { ChatTokenizer } from '../../models/text/index.ts'
import { differs, shareOf } from '../tolerances.ts'

const right = <A>(result: E.Either<unknown, A>): A => {
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left))
  return result.right
}
const done = async <A>(door: Door<A>): Promise<A> => right(await door())

const seed = 11
const count = 3
const weights = initialWeights(seed)
const taught = learningFromViews(small)
let world: World
let tokenizer: ChatTokenizer
let scenes: readonly KeptScene[]
let shots: readonly NonNullable<ViewedSample['shot']>[]
let samples: readonly Sample[]
beforeAll(async () => {
  world = await readWorld()
  tokenizer = right(chatTokenizer(world.index))
  const asked = viewsAsked(taught)
  const look = { asked, towers: openTowers(small, asked, { weights }) }
  const folder = mkdtempSync(join(tmpdir(), 'sluice-views-'))
  scenes = await done(keptScenes(world, folder, look)(splits.train, seed, count))
  shots = await Promise.all(scenes.map(({ shot }) => done(shot)))
  rmSync(folder, { recursive: true })
  samples = scenes.map(({ k }) => {
    const seen = seenScene(world, splits.train, seed, k)
    return { ...conversation(tokenizer, questions(20)(seen.scene, world, draws(seed, k))), shot: shotOf(seen) }
  })
})
const viewed = () => samples.map((sample, i) => ({ ...sample, shot: shots[i]! }))

describe('views that are kept', () => {
  it('are as many as were asked for, with the boxes that there are', () => {
    expect(new Set(viewsAsked(taught))).toEqual(new Set(['low', 'stage3', 'features', 'places']))
    for (const [i, { scene }] of scenes.entries()) {
      const shot = shots[i]!
      expect(shot.boxes!.shape).toEqual([scene.things.length, 4])
      expect(shot.views['features']!.shape[0]).toBe(scene.things.length)
      expect(shot.views['low']!.shape).toEqual([(small.lowSize / small.clip.patch) ** 2, small.clip.width])
    }
  })
  it('give the loss that pixels give, but for the 16 bits they are kept in', async () => {
    const whole = learning(small)
    const [fromPixels, fromViews] = [
      await done(compile({ loss: whole.loss }, { weights })),
      await done(compile({ loss: taught.loss }, { weights })),
    ]
    const wanted = (await done(fromPixels.run(whole.feeds(samples))))['loss']!
    const got = (await done(fromViews.run(taught.feeds(viewed()))))['loss']!
    expect(differs(got, wanted, shareOf('f16', wanted))).toBeUndefined()
    fromPixels.dispose()
    fromViews.dispose()
  })
})
describe('an exam', () => {
  it('marks an answer right where each of its tokens is the likeliest', async () => {
    const reading = learningFromTexts(small)
    const exam = await done(openExam(reading, { weights }))
    const program = await done(compile({ said: reading.said }, { weights }))
    const texts = samples.map(({ ids, labels }) => ({ ids, labels }))
    const { labels: _, ...fed } = reading.feeds(texts)
    const said = Array.from((await done(program.run(fed)))['said']!.data)
    // the same questions with the answers that the model itself gives, save that the last token of the last is another
    let at = 0
    const own = texts.map(({ ids, labels }) => ({
      ids,
      labels: labels.map(label => (label < 0 ? label : said[at++]!)),
    }))
    const last = own.at(-1)!
    const spoiled = last.labels.map((label, t) => (t === last.labels.length - 1 ? label + 1 : label))
    const marks = await done(exam.mark([...own.slice(0, -1), { ...last, labels: spoiled }]))
    expect(marks).toEqual([...own.slice(0, -1).map(() => true), spoiled.at(-1)! === last.labels.at(-1)!])
    exam.dispose()
    program.dispose()
  })
})
