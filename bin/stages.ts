/** Stages of training as a JSON file says them, and how one is run: what the commands that train share. */
import * as t from 'io-ts'
import {
  constantRate,
  cosine,
  publishedCosine,
  train,
  type Door,
  type Learner,
  type Optimizer,
  type Schedule,
  type TrainReport,
} from '../lib/index.ts'
import { described } from '../lib/json.ts'
import { batchesOf, type DatasetFiles, type DatasetOptions, type Learning, type Samples } from '../models/index.ts'
import { adamW, sgd } from '../ops/index.ts'
import { given } from './model.ts'
import { progress, signal } from './terminal.ts'

const whole = described('a whole number, at least 1', t.number, n => Number.isInteger(n) && n >= 1)
export const seed = described('a whole number', t.number, Number.isInteger)
const positive = described('a number above 0', t.number, n => Number.isFinite(n) && n > 0)
const share = described('a number from 0 up to 1', t.number, n => n >= 0 && n < 1)
export const words = <W extends string>(...known: readonly W[]): t.Type<W> =>
  described(`one of ${known.join(', ')}`, t.string as unknown as t.Type<W>, word => known.includes(word))
/** Conversations, and where their pictures and boxes are. */
export const filesCodec = t.intersection([
  t.type({ conversations: t.string }),
  t.partial({ images: t.string, boxes: t.string, max_length: whole }),
])
/** One stage: what it learns from, what it trains, how fast and how long. */
export const stageCodec = t.intersection([
  t.type({
    name: t.string,
    trainable: t.readonlyArray(t.string),
    lr: positive,
    batch: whole,
  }),
  filesCodec,
  t.partial({
    recompute: t.readonlyArray(t.string),
    optimizer: words('adamw', 'sgd'),
    schedule: words('cosine', 'published cosine', 'constant'),
    warmup: share,
    betas: t.tuple([share, share]),
    eps: positive,
    weight_decay: t.number,
    momentum: share,
    clip: positive,
    accumulate: whole,
    epochs: whole,
    by_length: t.boolean,
    every: whole,
  }),
])
export type Stage = t.TypeOf<typeof stageCodec>

export const filesOf = ({ conversations, images, boxes }: t.TypeOf<typeof filesCodec>): DatasetFiles => ({
  conversations,
  ...given('images', images),
  ...given('boxes', boxes),
})
export const readingOf = ({ max_length }: t.TypeOf<typeof filesCodec>): DatasetOptions => given('maxLength', max_length)

const scheduleOf = ({ lr, schedule = 'cosine', warmup = 0.03 }: Stage): Schedule => {
  if (schedule === 'constant') return constantRate(lr)
  return schedule === 'cosine' ? cosine(lr, { warmup }) : publishedCosine(lr, { warmup })
}
const optimizerOf = (stage: Stage): Optimizer => {
  const { optimizer = 'adamw', betas, eps, weight_decay: weightDecay = 0, momentum = 0 } = stage
  const lr = scheduleOf(stage)
  if (optimizer === 'sgd') return sgd({ lr, momentum, weightDecay })
  return adamW({ lr, weightDecay, ...(betas === undefined ? {} : { betas }), ...(eps === undefined ? {} : { eps }) })
}

const duration = (seconds: number): string => {
  const s = Math.round(seconds)
  const two = (n: number): string => `${n}`.padStart(2, '0')
  return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`
}
/** Loss, learning rate, samples a second, time left. */
const sayOf = (report: TrainReport, perSecond: number): string =>
  `loss ${report.loss.toFixed(4)}  lr ${report.rate.toExponential(1)}  ${perSecond.toPrecision(3)}/s  ${duration(report.secondsLeft)} left`

export interface StageRun {
  readonly stage: Stage
  /** what its progress is called */
  readonly title: string
  readonly seed: number
  /** where its checkpoints are kept */
  readonly folder: string
  readonly onStep?: (report: TrainReport) => void
}
/** Runs a stage, or goes on with it. Errors: those of `train`. */
export const learnStage =
  <S>(
    { stage, title, seed, folder, onStep }: StageRun,
    data: Samples<S>,
    { loss, feeds }: Pick<Learning<S>, 'loss' | 'feeds'>,
  ) =>
  <M extends Pick<Learner, 'weights'>>(model: M): Door<M> =>
  async () => {
    const { trainable, recompute, clip, every, batch, accumulate = 1, epochs = 1, by_length: byLength = false } = stage
    const bar = progress(title)
    let begun: number | undefined
    const told = (report: TrainReport): void => {
      begun ??= report.iteration - accumulate
      const done = (report.iteration - begun) * batch
      bar.at(report.iteration + 1, report.iterations, sayOf(report, done / report.seconds))
      onStep?.(report)
    }
    const learn = train({
      trainable,
      optimizer: optimizerOf(stage),
      accumulate,
      seed,
      signal,
      folder,
      onStep: told,
      ...given('clip', clip),
      ...given('recompute', recompute),
      ...given('every', every),
    })
    const learned = await learn(batchesOf(data, feeds, { batch, accumulate, epochs, byLength, seed }))({
      ...model,
      loss,
    })()
    bar.stop()
    return learned
  }
