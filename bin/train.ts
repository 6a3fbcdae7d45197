/** `sluice train CONFIG`: trains a checkpoint folder as a JSON file says, stage by stage, and goes on where it was stopped. */
import { command, positional, string } from 'cmd-ts'
import { either as E, taskEither as TE } from 'fp-ts'
import * as t from 'io-ts'
import {
  constantRate,
  cosine,
  files,
  publishedCosine,
  train as trainBy,
  type Door,
  type Optimizer,
  type Schedule,
  type SluiceError,
  type TrainReport,
} from '../lib/index.ts'
import { described, readJson } from '../lib/json.ts'
import { textOf } from '../lib/weights/byte-source.ts'
import { batchesOf, learning, load, openDataset, save, type LoadedMgLlava } from '../models/index.ts'
import { adamW, sgd } from '../ops/index.ts'
import { note, progress, signal } from './terminal.ts'

const whole = described('a whole number, at least 1', t.number, n => Number.isInteger(n) && n >= 1)
const seed = described('a whole number', t.number, Number.isInteger)
const positive = described('a number above 0', t.number, n => Number.isFinite(n) && n > 0)
const share = described('a number from 0 up to 1', t.number, n => n >= 0 && n < 1)
const words = <W extends string>(...known: readonly W[]): t.Type<W> =>
  described(`one of ${known.join(', ')}`, t.string as unknown as t.Type<W>, word => known.includes(word))
const stageCodec = t.intersection([
  t.type({
    name: t.string,
    conversations: t.string,
    trainable: t.readonlyArray(t.string),
    lr: positive,
    batch: whole,
  }),
  t.partial({
    images: t.string,
    boxes: t.string,
    max_length: whole,
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
const configCodec = t.intersection([
  t.type({ model: t.string, out: t.string, stages: t.readonlyArray(stageCodec) }),
  t.partial({ seed, dtype: words('F32', 'F16', 'BF16') }),
])
type Stage = t.TypeOf<typeof stageCodec>
type Config = t.TypeOf<typeof configCodec>

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

const runStage =
  (config: Config, stage: Stage) =>
  (model: LoadedMgLlava): Door<LoadedMgLlava> =>
  async () => {
    const { conversations, images, boxes, max_length, batch, accumulate = 1, epochs = 1, by_length = false } = stage
    const found = {
      conversations,
      ...(images === undefined ? {} : { images }),
      ...(boxes === undefined ? {} : { boxes }),
    }
    const data = await openDataset(found, max_length === undefined ? {} : { maxLength: max_length })(model)()
    if (E.isLeft(data)) return data
    const { left, lengths } = data.right
    note(
      `${stage.name}: ${lengths.length} samples${left.length > 0 ? `, ${left.length} left out (${left[0]!.why}, …)` : ''}`,
    )
    const { loss, feeds } = learning(model.parts)
    const seeded = config.seed ?? 0
    const rounds = batchesOf(data.right, feeds, { batch, accumulate, epochs, byLength: by_length, seed: seeded })
    const bar = progress(stage.name)
    let begun: number | undefined
    const onStep = (report: TrainReport): void => {
      begun ??= report.iteration - accumulate
      const done = (report.iteration - begun) * batch
      bar.at(report.iteration + 1, report.iterations, sayOf(report, done / report.seconds))
    }
    const { trainable, recompute, clip, every } = stage
    const trained = await trainBy({
      trainable,
      optimizer: optimizerOf(stage),
      accumulate,
      seed: seeded,
      signal,
      folder: `${config.out}/${stage.name}`,
      onStep,
      ...(clip === undefined ? {} : { clip }),
      ...(recompute === undefined ? {} : { recompute }),
      ...(every === undefined ? {} : { every }),
    })(rounds)({ ...model, loss })()
    bar.stop()
    return trained
  }

const trainAll =
  (file: string): Door<boolean> =>
  async () => {
    const text = await TE.flatMap(textOf)(files.open(file))()
    if (E.isLeft(text)) return text
    const config = readJson(configCodec, text.right, file)
    if (E.isLeft(config)) return config
    let model: E.Either<SluiceError, LoadedMgLlava> = await load(config.right.model)()
    for (const stage of config.right.stages) {
      if (E.isLeft(model)) return model
      model = await runStage(config.right, stage)(model.right)()
    }
    if (E.isLeft(model)) return model
    const { out, dtype } = config.right
    const saved = await save(`${out}/model`, dtype === undefined ? {} : { dtype })(model.right)()
    if (E.isLeft(saved)) return saved
    note(`the trained model is in ${out}/model`)
    return E.right(true)
  }

export const train = command({
  name: 'train',
  description: 'Train a checkpoint folder, stage by stage; run it again to go on after an interruption',
  args: {
    config: positional({ type: string, displayName: 'CONFIG', description: 'a JSON file: model, out, stages' }),
  },
  examples: [{ description: 'Both stages of MG-LLaVA', command: 'sluice train configs/mg-llava.json' }],
  handler: ({ config }) => trainAll(config),
})
