/**
 * `npm run train:emoji -- [folder] [share]`: a small MG-LLaVA from nothing to answers: both towers and the language model learn what they
 * would come with elsewhere (stage 0; the language model reads words in place of objects), then the projectors and the fusion (stage 1, captions), and the language model with them (stage 2,
 * questions). Every run can be stopped and goes on where it was. `share` makes all of them shorter.
 */
import { taskEither as TE } from 'fp-ts'
import { batches, cosine, train, type Feeds, type Learner, type TrainReport } from '../../lib/index.ts'
import type { TensorEntry } from '../../lib/weights/tensor-file.ts'
import { load, save } from '../../models/index.ts'
import { learningFromViews, openTowers, viewsAsked, type ViewedSample } from '../../models/learning/index.ts'
import { splits } from '../../models/scenes/index.ts'
import { adamW } from '../../ops/index.ts'
import { done } from './done.ts'
import { initialWeights, writeFolder } from './folder.ts'
import { language, toldSample } from './language.ts'
import { batchOf, captions, conversation, drills, keptScenes, questions, type Lesson } from './lessons.ts'
import { small } from './parts.ts'
import { composedScenes, readWorld } from './scenes.ts'
import { detailBatch, detailLoss, tokensBatch, tokensLoss } from './towers.ts'
import { chatTokenizer } from './words.ts'

const [folder = 'out/emoji', share = '1'] = process.argv.slice(2)
const seed = 1
const shorter = (count: number): number => Math.max(2, Math.round(count * Number(share)))

/** Stages by name: how long, how fast, and what they train. */
const stages = {
  detail: { count: 4500, rate: 5e-3, trainable: ['visual', 'things', 'digits'] },
  tokens: { count: 800, rate: 2e-3, trainable: ['vision_model', 'tokens'] },
  drills: { count: 2000, rate: 1e-3, trainable: ['told', 'llm'] },
  language: { count: 1500, rate: 1e-3, trainable: ['told', 'llm'] },
  captions: { count: 400, rate: 2e-3, trainable: ['projector', 'bbox_projector', 'fuse_module'] },
  questions: { count: 600, rate: 1e-3, trainable: ['projector', 'bbox_projector', 'fuse_module', 'llm'] },
} as const
type Stage = keyof typeof stages
/** Scenes that are told to the language model, and that the towers look at: they are learned from again and again. */
const [toldCount, shownCount] = [Math.max(16, shorter(4000)), Math.max(16, shorter(3000))]

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
/** Weights after a stage; those that are only learned with are thrown away. */
const run = async (
  stage: Stage,
  data: (k: number) => Feeds | Promise<Feeds>,
  loss: Learner['loss'],
  weights: Weights,
): Promise<Weights> => {
  const { count, rate, trainable } = stages[stage]
  const learn = train({
    trainable: [...trainable],
    optimizer: adamW({ lr: cosine(rate, { warmup: 0.02 }), weightDecay: 0.01 }),
    clip: 1,
    seed,
    folder: `${folder}/${stage}`,
    every: 100,
    onStep: report(stage),
  })
  const learned = await done(learn(batches(shorter(count), data))({ loss, weights }))
  return new Map([...learned.weights].filter(([name]) => weights.has(name)))
}

const world = await readWorld()
const start = initialWeights(seed)
const tokenizer = await done(TE.fromEither(chatTokenizer(world.index)))

// stage 0: what the parts of the original come with
const seeing = await run('detail', k => detailBatch(world, seed, k), detailLoss(world), start)
const towers = await run('tokens', k => tokensBatch(world, seed, k), tokensLoss(world), seeing)
const told = batchOf(world, composedScenes(world, splits.train, seed + 1, toldCount), seed + 1)
const reading = language()
const tell = (lesson: Lesson) => {
  const scenes = told(lesson, 16)
  return (k: number): Feeds =>
    reading.feeds(
      scenes(k).map(scene => ({ ...conversation(tokenizer, scene.turns), ...toldSample(tokenizer, scene) })),
    )
}
const drilled = await run('drills', tell(drills), reading.loss, towers)
const speaking = await run('language', tell(questions(4)), reading.loss, drilled)

// stages 1 and 2
await done(writeFolder(`${folder}/start`, world.index, speaking))
const model = await done(load(`${folder}/start`))
const taught = learningFromViews(small)
const asked = viewsAsked(taught)
const looked = (count: number): void => {
  if (count % 400 === 0) console.log(`looked at ${count} scenes`)
}
const look = { asked, towers: openTowers(small, asked, { weights: towers }), onPictures: looked }
const seen = batchOf(
  world,
  await done(keptScenes(world, `${folder}/views`, look)(splits.train, seed + 1, shownCount)),
  seed + 1,
)
const show = (lesson: Lesson) => {
  const scenes = seen(lesson, 8)
  return async (k: number): Promise<Feeds> => {
    const samples: ViewedSample[] = []
    for (const { turns, shot } of scenes(k)) samples.push({ ...conversation(tokenizer, turns), shot: await done(shot) })
    return taught.feeds(samples)
  }
}
const captioned = await run('captions', show(captions), taught.loss, speaking)
const weights = await run('questions', show(questions(6)), taught.loss, captioned)
await done(save(`${folder}/model`, { dtype: 'F16' })({ ...model, weights }))
process.exit(0)
