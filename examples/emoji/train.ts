/**
 * `npm run train:emoji -- [folder] [share]`: a small MG-LLaVA from nothing to answers, in four runs:
 * both towers (stage 0), the projectors and the fusion (stage 1, captions), and the language model with them (stage 2, questions). Every
 * run can be stopped and goes on where it was. `share` makes all of them shorter.
 */
import { either as E } from 'fp-ts'
import { batches, cosine, train, type Batches, type Learner, type TrainReport } from '../../lib/index.ts'
import type { TensorEntry } from '../../lib/weights/tensor-file.ts'
import { load, save, type LoadedMgLlava } from '../../models/index.ts'
import { adamW } from '../../ops/index.ts'
import { initialWeights, writeFolder } from './folder.ts'
import { allQuestions, captions, lessons, taught, type Lesson } from './lessons.ts'
import { readWorld } from './scenes.ts'
import { detailBatch, detailLoss, tokensBatch, tokensLoss } from './towers.ts'

const [folder = 'out/emoji', share = '1'] = process.argv.slice(2)
const seed = 1
const steps = (count: number): number => Math.max(2, Math.round(count * Number(share)))
const right = <A>(result: E.Either<{ readonly message: string }, A>): A => {
  if (E.isRight(result)) return result.right
  console.error(result.left.message)
  process.exit(1)
}

/** Stages by name: how long, how fast, and what they train. */
const stages = {
  detail: { count: 8000, rate: 4e-3, trainable: ['visual', 'things', 'digits'] },
  tokens: { count: 1500, rate: 2e-3, trainable: ['vision_model', 'tokens'] },
  captions: { count: 300, rate: 1e-3, trainable: ['projector', 'bbox_projector', 'fuse_module'] },
  questions: { count: 2500, rate: 1e-3, trainable: ['projector', 'bbox_projector', 'fuse_module', 'llm'] },
} as const
type Stage = keyof typeof stages

const tell =
  (stage: Stage) =>
  ({ iteration, iterations, loss, rate, secondsLeft }: TrainReport): void => {
    if ((iteration + 1) % 20 > 0 && iteration + 1 < iterations) return
    const left = `${Math.ceil(secondsLeft / 60)} min left`
    console.log(
      `${stage} ${iteration + 1}/${iterations}  loss ${loss.toFixed(3)}  rate ${rate.toExponential(1)}  ${left}`,
    )
  }
const run = async <M extends Learner>(
  stage: Stage,
  data: (k: number) => ReturnType<typeof detailBatch>,
  model: M,
): Promise<M> => {
  const { count, rate, trainable } = stages[stage]
  const all: Batches = batches(steps(count), data)
  const learn = train({
    trainable: [...trainable],
    optimizer: adamW({ lr: cosine(rate, { warmup: 0.02 }), weightDecay: 0.01 }),
    clip: 1,
    seed,
    folder: `${folder}/${stage}`,
    every: 100,
    onStep: tell(stage),
  })
  return right(await learn(all)(model)())
}

const world = await readWorld()
let weights: ReadonlyMap<string, TensorEntry> = initialWeights(seed)
const towers = async (stage: 'detail' | 'tokens', loss: Learner['loss'], data: typeof detailBatch): Promise<void> => {
  const learned = await run(stage, k => data(world, seed, k), { loss, weights })
  // the heads are thrown away
  const kept = new Set(weights.keys())
  weights = new Map([...learned.weights].filter(([name]) => kept.has(name)))
}
await towers('detail', detailLoss(world), detailBatch)
await towers('tokens', tokensLoss(world), tokensBatch)
right(await writeFolder(`${folder}/start`, world.index, weights)())

let model: LoadedMgLlava & Learner = { ...right(await load(`${folder}/start`)()), loss: taught.loss }
const whole = async (stage: 'captions' | 'questions', lesson: Lesson): Promise<void> => {
  model = await run(stage, lessons(world, model.tokenizer, lesson, seed + 1, taught), model)
}
await whole('captions', captions)
await whole('questions', allQuestions)
right(await save(`${folder}/model`, { dtype: 'F16' })(model)())
process.exit(0)
