/**
 * `npm run train:emoji -- [folder] [share]`: a small MG-LLaVA from nothing to answers. Stage 0: both towers, the language model and the box
 * projector learn what they would come with elsewhere, the language model from words in place of objects. Stage 1, alignment: the projector
 * and the fusion learn to say nothing that misleads the language model. Stage 2, questions: the box projector and the language model with
 * them. Every run can be stopped and goes on where it was. `share` makes all of them shorter.
 */
import { taskEither as TE } from 'fp-ts'
import { batches, cosine, train, type Feeds, type Learner, type Schedule, type TrainReport } from '../../lib/index.ts'
import type { TensorEntry } from '../../lib/weights/tensor-file.ts'
import { load, save } from '../../models/index.ts'
import { learningFromViews, openTowers, viewsAsked, type Turn, type ViewedSample } from '../../models/learning/index.ts'
import { splits } from '../../models/scenes/index.ts'
import { adamW } from '../../ops/index.ts'
import { done } from '../terminal.ts'
import { initialWeights, writeFolder } from './folder.ts'
import { language, toldThings } from './language.ts'
import { batchOf, captions, conversation, keptScenes, mixed, presence, question, questions } from './lessons.ts'
import { naming } from './naming.ts'
import { small } from './parts.ts'
import { composedScenes, readWorld, type ComposedScene } from './scenes.ts'
import { detailBatch, detailLoss, tokensBatch, tokensLoss } from './towers.ts'
import { chatTokenizer } from './words.ts'

const [folder = 'out/emoji', share = '1'] = process.argv.slice(2)
const seed = 1
const shorter = (count: number): number => Math.max(2, Math.round(count * Number(share)))

/** Stages by name: how long, how fast, and what they train. */
const falling = (rate: number): Schedule => cosine(rate, { warmup: 0.02 })
const steady = [0.9, 0.999] as const
/** what a gradient was a hundred steps ago says nothing about what is just being learned */
const quick = [0.9, 0.95] as const
const stages = {
  detail: { count: 4500, rate: falling(5e-3), betas: steady, trainable: ['visual', 'things', 'digits'] },
  tokens: { count: 800, rate: falling(2e-3), betas: steady, trainable: ['vision_model', 'tokens'] },
  language: { count: 5800, rate: falling(1e-3), betas: quick, trainable: ['told', 'llm'] },
  digits: { count: 3500, rate: falling(3e-3), betas: steady, trainable: ['visual', 'things', 'digits'] },
  naming: { count: 3000, rate: falling(2e-3), betas: steady, trainable: ['bbox_projector'] },
  alignment: { count: 200, rate: falling(1e-3), betas: quick, trainable: ['projector', 'fuse_module'] },
  questions: {
    count: 2400,
    rate: falling(8e-4),
    betas: quick,
    trainable: ['projector', 'bbox_projector', 'fuse_module', 'llm'],
  },
} as const
type Stage = keyof typeof stages
/** Scenes that are told to the language model, and that the towers look at: they are learned from again and again. */
const sceneCount = Math.max(64, shorter(16000))

const report =
  (stage: Stage) =>
  ({ iteration, iterations, loss, rate, secondsLeft }: TrainReport): void => {
    if ((iteration + 1) % 20 > 0 && iteration + 1 < iterations) return
    const left = `${Math.ceil(secondsLeft / 60)} min left`
    console.log(
      `${stage} ${iteration + 1}/${iterations}  loss ${loss.toFixed(3)}  rate ${rate.toExponential(1)}  ${left}`,
    )
  }
type Weights = ReadonlyMap<string, TensorEntry>
/** Weights after a stage, those of heads that it learned with among them. */
const run = async (
  stage: Stage,
  data: (k: number) => Feeds | Promise<Feeds>,
  loss: Learner['loss'],
  weights: Weights,
): Promise<Weights> => {
  const { count, rate, betas, trainable } = stages[stage]
  const learn = train({
    trainable: [...trainable],
    optimizer: adamW({ lr: rate, betas, weightDecay: 0.01 }),
    clip: 1,
    seed,
    folder: `${folder}/${stage}`,
    every: 100,
    onStep: report(stage),
  })
  const learned = await done(learn(batches(shorter(count), data))({ loss, weights }))
  return learned.weights
}

const world = await readWorld()
const initial = initialWeights(seed)
const tokenizer = await done(TE.fromEither(chatTokenizer(world.index)))

// stage 0: what the parts of the original come with
const seeing = await run('detail', k => detailBatch(world, seed, k), detailLoss(world, 0.5), initial)
const towers = await run('tokens', k => tokensBatch(world, seed, k), tokensLoss(world), seeing)
const told = batchOf(world, composedScenes(world, splits.train, seed + 1, sceneCount), seed + 1)
const reading = language()
/** Things as words, and what is said about them. */
const inWords = (scenes: readonly (ComposedScene & { readonly turns: readonly Turn[] })[]): Feeds =>
  reading.feeds(scenes.map(scene => ({ ...conversation(tokenizer, scene.turns), shot: toldThings(tokenizer, scene) })))
// texts of one question: what was said before is of no use, so nothing is learned but to look
const practice = mixed([
  [0.2, captions],
  [0.1, presence],
  [0.7, question],
])
const texts = told(practice, 128)
const said = await run('language', k => inWords(texts(k)), reading.loss, towers)
const reads = await run('digits', k => detailBatch(world, seed + 3, k), detailLoss(world, 1.5), said)
// from how things look to ConvNeXt, which stays as it is from here on
const names = naming(world, tokenizer, reads, seed + 1, shorter(1400))
const named = await run('naming', names.data, names.loss, reads)

// stages 1 and 2; both towers stay as they are, so they look at each scene once
const start = new Map([...named].filter(([name]) => initial.has(name)))
await done(writeFolder(`${folder}/start`, world.index, start))
const model = await done(load(`${folder}/start`))
const taught = learningFromViews(small)
const asked = viewsAsked(taught)
const looked = (count: number): void => {
  if (count % 400 === 0) console.log(`looked at ${count} scenes`)
}
const look = { asked, towers: openTowers(small, asked, { weights: start }), onPictures: looked }
const seen = await done(keptScenes(world, `${folder}/views`, look)(splits.train, seed + 1, sceneCount))
// half of the questions as often as they can be asked: a third of all are about how many there are, a tenth of those by family
const aboutPictures = mixed([
  [0.1, captions],
  [0.1, presence],
  [0.4, question],
  [0.4, questions(1)],
])
const shown = batchOf(world, seen, seed + 1)(aboutPictures, 64)
const pictured = async (k: number): Promise<Feeds> => {
  const samples = shown(k).map(async ({ turns, shot }): Promise<ViewedSample> => {
    return { ...conversation(tokenizer, turns), shot: await done(shot) }
  })
  return taught.feeds(await Promise.all(samples))
}
const aligned = await run('alignment', pictured, taught.loss, start)
const weights = await run('questions', pictured, taught.loss, aligned)
await done(save(`${folder}/model`, { dtype: 'F16' })({ ...model, weights }))
process.exit(0)
