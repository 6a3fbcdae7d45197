/**
 * A run of training, from the first batch to the last: `train(options)(data)(model)` gives the model with what it learned. A run with a
 * folder writes checkpoints there and goes on from the last; then it is, bit for bit, the run that was never interrupted.
 */
import { either as E } from 'fp-ts'
import { interrupted, trainingError, type Door, type SluiceError } from '../errors.ts'
import type { CompileOptions } from '../device/run.ts'
import { randomBits, topological, value, type Feeds, type Tensor, type Value } from '../graph/index.ts'
import { floatTensor, type TensorEntry } from '../weights/tensor-file.ts'
import { ahead, type Batches } from './batches.ts'
import { blame } from './blame.ts'
import { openCheckpoint, saveCheckpoint, type Run } from './checkpoint.ts'
import { appendLog, drawLoss, reopenLog, type LogLine } from './log.ts'
import type { Moment } from './optimizer.ts'
import type { StepOptions } from './step.ts'
import { openTrainer, type Trainer } from './trainer.ts'

/** What can be trained: a loss in terms of inputs and parameters, and the parameters' numbers; those it lacks are initial. */
export interface Learner {
  readonly loss: Tensor<[]>
  readonly weights: ReadonlyMap<string, TensorEntry>
}
/** What a run tells after every update. */
export interface TrainReport extends LogLine {
  readonly iterations: number
  /** since this process began or went on with the run, and until its end if it goes on like this */
  readonly seconds: number
  readonly secondsLeft: number
}
export interface TrainOptions
  extends Omit<StepOptions, 'accumulate'>, Omit<CompileOptions, 'weights' | 'next' | 'allowInitial'> {
  /** batches of which an update is made; the last may have fewer. 1 unless said */
  readonly accumulate?: number
  /** where checkpoints, the log and a plot of the loss are kept; nothing is unless said */
  readonly folder?: string
  /** batches between two checkpoints; 200 unless said */
  readonly every?: number
  /** of initial values, and of what is drawn in every batch; 0 unless said */
  readonly seed?: number
  readonly onStep?: (report: TrainReport) => void
}

/** The name of the input that a loss reads random numbers by: an index [1], another for every batch. */
export const seedInput = 'seed'

/**
 * Errors: those of compiling and running; `training` where a loss is no number, with the first block that made it so; `write` where a
 * checkpoint cannot be written, and the last good one stays; `interrupted` by the signal, after a checkpoint.
 */
export const train =
  (options: TrainOptions) =>
  (data: Batches) =>
  <M extends Learner>(model: M): Door<M> =>
  async () => {
    const { accumulate = 1, seed = 0, signal: _, ...rest } = options
    const trainer = await openTrainer(model, { ...rest, accumulate: accumulate > 1, seed })()
    if (E.isLeft(trainer)) return trainer
    try {
      const done = await runThrough(trainer.right, model, data, options)
      if (E.isLeft(done)) return done
      const learned = await trainer.right.parameters()
      return E.map((values: ReadonlyMap<string, Value>) => ({ ...model, weights: withValues(model.weights, values) }))(
        learned,
      )
    } finally {
      trainer.right.dispose()
    }
  }

const withValues = (
  weights: ReadonlyMap<string, TensorEntry>,
  values: ReadonlyMap<string, Value>,
): ReadonlyMap<string, TensorEntry> => {
  const made = [...values].map(
    ([name, { shape, data }]) => [name, floatTensor(name, shape, data as Float32Array)] as const,
  )
  return new Map([...weights, ...made])
}

/** Where batch k stands: in which update, at what rate, and whether that ends with it. */
const momentOf = (
  k: number,
  count: number,
  { optimizer, accumulate = 1 }: TrainOptions,
): Moment & { readonly ends: boolean } => {
  const begun = k - (k % accumulate)
  const size = Math.min(accumulate, count - begun)
  const rate = optimizer.schedule(k, count)
  return { step: begun / accumulate + 1, rate, share: 1 / size, first: k === begun, ends: k === begun + size - 1 }
}

const runThrough = async (
  trainer: Trainer,
  model: Learner,
  data: Batches,
  options: TrainOptions,
): Promise<E.Either<SluiceError, void>> => {
  const { accumulate = 1, folder, every = 200, seed = 0, signal, onStep } = options
  const run: Run = { iterations: data.count, seed, accumulate }
  const problem = unfit(data.count, options)
  if (problem !== undefined) return E.left(problem)
  const begun = await resume(trainer, folder, run)
  if (E.isLeft(begun)) return begun
  const { start, lines } = begun.right
  const keep = keeper(trainer, folder, run, lines)
  const seeded = seeding(model.loss, seed)
  const next = ahead(data.from(start))
  const since = performance.now()
  let saved = start
  let losses: number[] = []
  for (let k = start; k < data.count; k++) {
    const batch = await nextOf(next, k)
    if (E.isLeft(batch)) return batch
    const feeds = seeded(batch.right, k)
    const { ends, ...at } = momentOf(k, data.count, options)
    const stepped = await trainer.step(feeds, { ...at, ends })()
    if (E.isLeft(stepped)) return stepped
    const { loss, norm = 0 } = stepped.right
    if (!Number.isFinite(loss) || !Number.isFinite(norm)) return failed(trainer, model, feeds, options, k, loss)
    losses.push(loss)
    if (!ends) continue
    const line = { iteration: k, loss: losses.reduce((a, b) => a + b, 0) / losses.length, norm, rate: at.rate }
    losses = []
    lines.push(line)
    const seconds = (performance.now() - since) / 1000
    const [done, left] = [k + 1 - start, data.count - k - 1]
    onStep?.({ ...line, iterations: data.count, seconds, secondsLeft: (seconds / done) * left })
    const stops = signal?.aborted === true
    if (!stops && left > 0 && k + 1 - saved < every) continue
    const kept = await keep(k + 1)
    if (E.isLeft(kept)) return kept
    saved = k + 1
    if (stops && left > 0) return E.left(interrupted(`training, after ${k + 1} of ${data.count} batches,`))
  }
  return E.right(undefined)
}

/** Keeps what a run with a folder has come to: new lines of its log, its plot, and last its checkpoint. */
const keeper = (
  trainer: Trainer,
  folder: string | undefined,
  run: Run,
  lines: readonly LogLine[],
): ((iteration: number) => Promise<E.Either<SluiceError, void>>) => {
  let written = lines.length
  return async iteration => {
    if (folder === undefined) return E.right(undefined)
    const values = await trainer.read()
    if (E.isLeft(values)) return values
    const logged = await appendLog(folder, lines.slice(written))()
    if (E.isLeft(logged)) return logged
    written = lines.length
    const drew = await drawLoss(folder, lines, folder)()
    return E.isLeft(drew) ? drew : saveCheckpoint(folder, run, { iteration, values: values.right })()
  }
}
/** Feeds with what random numbers are made from, for a loss that asks for it: other ones for every batch, the same in every run. */
const seeding = (loss: Tensor<[]>, seed: number): ((feeds: Feeds, k: number) => Feeds) => {
  const asks = topological([loss]).some(node => node.role === 'input' && node.name === seedInput)
  if (!asks) return feeds => feeds
  return (feeds, k) => ({ ...feeds, [seedInput]: value([1], [randomBits(seed, k) >>> 1], 'index') })
}

const unfit = (count: number, { optimizer, accumulate = 1 }: TrainOptions): SluiceError | undefined => {
  if (!Number.isInteger(accumulate) || accumulate < 1)
    return trainingError(`accumulate is ${accumulate}, should be a whole number of batches`)
  try {
    if (count > 0) optimizer.schedule(0, count)
    return undefined
  } catch (error) {
    return trainingError((error as Error).message)
  }
}
const resume = async (
  trainer: Trainer,
  folder: string | undefined,
  run: Run,
): Promise<E.Either<SluiceError, { readonly start: number; readonly lines: LogLine[] }>> => {
  if (folder === undefined) return E.right({ start: 0, lines: [] })
  const found = await openCheckpoint(folder, run, trainer.kept)()
  if (E.isLeft(found)) return found
  const start = found.right?.iteration ?? 0
  const lines = await reopenLog(folder, start)()
  if (E.isLeft(lines)) return lines
  const written = found.right === undefined ? E.right(undefined) : await trainer.write(found.right.values)()
  return E.isLeft(written) ? written : E.right({ start, lines: [...lines.right] })
}
const nextOf = async (next: () => Promise<IteratorResult<Feeds>>, k: number): Promise<E.Either<SluiceError, Feeds>> => {
  try {
    const made = await next()
    return made.done === true ? E.left(trainingError(`the data end before batch ${k}`)) : E.right(made.value)
  } catch (error) {
    return E.left(trainingError(`batch ${k} could not be made: ${(error as Error).message}`))
  }
}
const failed = async (
  trainer: Trainer,
  { loss, weights }: Learner,
  feeds: Feeds,
  options: TrainOptions,
  k: number,
  got: number,
): Promise<E.Either<SluiceError, void>> => {
  const values = await trainer.parameters()
  if (E.isLeft(values)) return values
  const { device, storage } = options
  const compiling = { ...(device === undefined ? {} : { device }), ...(storage === undefined ? {} : { storage }) }
  const why = await blame(loss, feeds, values.right, weights, compiling)()
  if (E.isLeft(why)) return why
  return E.left(trainingError(`the loss of batch ${k} is ${got}: ${why.right}. Nothing was changed by this batch`))
}
