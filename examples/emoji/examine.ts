/**
 * `npm run exam:emoji -- [folder] [scenes]`: how well the small MG-LLaVA in a folder answers about scenes that it never saw, by family of
 * questions, beside who always gives the commonest answer and a language model that learned from the questions alone. Prints a table
 * in Markdown and writes exam.json into the folder.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { batches, cosine, train } from '../../lib/index.ts'
import {
  interval,
  learningFromTexts,
  learningFromViews,
  marksWithoutLooking,
  openExam,
  openTowers,
  viewsAsked,
} from '../../models/learning/index.ts'
import { load } from '../../models/index.ts'
import { questionsOf, splits, type Family, type SplitName } from '../../models/scenes/index.ts'
import { adamW } from '../../ops/index.ts'
import { done } from '../terminal.ts'
import { examine, overall, scoresOf, type Marked } from './exam.ts'
import { initialWeights } from './folder.ts'
import { batchOf, conversation, keptScenes, questions } from './lessons.ts'
import { small } from './parts.ts'
import { composedScenes, readWorld } from './scenes.ts'

const [folder = 'examples/data/emoji-mg-llava', scenes = '200'] = process.argv.slice(2)
/** of the scenes that are asked about; training used 1 and 2 */
const seed = 2026
/** steps of the model that reads questions and sees nothing */
const blindSteps = 300

const world = await readWorld()
const { tokenizer, weights } = await done(load(folder))
const [taught, reading] = [learningFromViews(small), learningFromTexts(small)]

const told = batchOf(world, composedScenes(world, splits.train, 2, 1000), 2)(questions(4), 16)
const texts = batches(blindSteps, k => reading.feeds(told(k).map(({ turns }) => conversation(tokenizer, turns))))
const learn = train({ trainable: ['llm'], optimizer: adamW({ lr: cosine(1e-3, { warmup: 0.1 }) }), clip: 1, seed })
const blind = await done(learn(texts)({ loss: reading.loss, weights: initialWeights(seed) }))

const training = composedScenes(world, splits.train, 1, 600).flatMap(({ scene, k }) =>
  questionsOf(scene, world.index, 1, k),
)

const asked = viewsAsked(taught)
const look = { asked, towers: openTowers(small, asked, { weights }) }
const views = mkdtempSync(join(tmpdir(), 'sluice-exam-'))
process.on('exit', () => rmSync(views, { recursive: true }))
const exam = await done(openExam(taught, { weights }))
const blindExam = await done(openExam(reading, { weights: blind.weights }))

const percent = (share: number): string => `${(100 * share).toFixed(1)}`
const share = (marked: readonly Marked[]): string => {
  const { right, asked } = overall(scoresOf(marked))
  return percent(right / asked)
}
const found: Partial<Record<SplitName, unknown>> = {}
for (const name of ['test-pairs', 'test-style', 'test-both'] as const) {
  const kept = await done(keptScenes(world, join(views, name), look)(splits[name], seed, Number(scenes)))
  const marked = await done(examine(world, tokenizer, exam)(kept, seed))
  const unseeing = await done(examine(world, tokenizer, blindExam)(kept, seed))
  const guessed = marksWithoutLooking(training, marked)
  const commonest = marked.map((question, i) => ({ ...question, right: guessed[i]! }))
  const [low, high] = interval(overall(scoresOf(marked)))
  console.log(`\n${name}: ${marked.length} questions about ${kept.length} scenes\n`)
  console.log(
    '| family | asked | right, % | commonest answer, % | questions alone, % |\n| --- | ---: | ---: | ---: | ---: |',
  )
  const families = [...scoresOf(marked).keys()].sort()
  const of = (family: Family, all: readonly Marked[]): string => share(all.filter(m => m.family === family))
  for (const family of families)
    console.log(
      `| ${family} | ${marked.filter(m => m.family === family).length} | ${[marked, commonest, unseeing].map(all => of(family, all)).join(' | ')} |`,
    )
  console.log(
    `| all | ${marked.length} | ${share(marked)} (${percent(low)} to ${percent(high)}) | ${share(commonest)} | ${share(unseeing)} |`,
  )
  const scored = (all: readonly Marked[]) => ({
    all: overall(scoresOf(all)),
    families: Object.fromEntries(scoresOf(all)),
  })
  found[name] = {
    scenes: kept.length,
    interval: [low, high],
    model: scored(marked),
    commonest: scored(commonest),
    questionsAlone: scored(unseeing),
  }
}
writeFileSync(`${folder}/exam.json`, `${JSON.stringify({ seed, ...found }, null, 2)}\n`)
process.exit(0)
