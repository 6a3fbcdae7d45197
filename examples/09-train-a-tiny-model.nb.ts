// %% [markdown]
// # Train a tiny model in a minute
// A Llama of 49 thousand weights learns to say five digits backwards; then low-rank adapters teach the frozen model to say them backwards *and* each one
// higher. Forward, backward, clipping and AdamW are one program on the GPU, and all that comes back of a step are its loss and the size of its gradient.

// %%
import { either as E } from 'fp-ts'
import { writeFileSync } from 'node:fs'
import {
  batches,
  cosine,
  indexInput,
  lossPlot,
  pipe,
  randomBits,
  replace,
  run,
  train,
  value,
  type AnyTensor,
  type Learner,
  type LogLine,
  type Loose,
  type Optimizer,
  type SluiceError,
  type Tensor,
} from 'sluice'
import { linearsBut, llama, lora, nextTokenLoss, separate } from 'sluice/models'
import { adamW, argmax } from 'sluice/ops'

/** In a notebook an error may end everything. */
const get = <A>(result: E.Either<SluiceError, A>): A => {
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}

// %% [markdown]
// ## The task
// A sequence is five digits, a mark (10), and the digits backwards. Only what follows the mark is learned: the other labels are -100. A batch is made from
// its number alone, so that a run could go on from the middle of it.

// %%
const digits = 5
const length = 11
type Change = (digit: number) => number
const same: Change = digit => digit
const higher: Change = digit => (digit + 1) % 10

const sequence = (seed: number, change: Change): readonly number[] => {
  const said = Array.from({ length: digits }, (_, i) => randomBits(seed, i) % 10)
  return [...said, 10, ...said.toReversed().map(change)]
}
const rows = 32
const batch = (k: number, change: Change) => {
  const all = Array.from({ length: rows }, (_, r) => sequence(rows * k + r, change))
  const learned = all.map(one => one.map((id, i) => (i > digits ? id : -100)))
  return { ids: value([rows, length], all.flat(), 'index'), labels: value([rows, length], learned.flat(), 'index') }
}
console.log(sequence(1, same).join(' '))
// => 2 9 9 6 2 10 2 6 9 9 2

// %% [markdown]
// ## The model
// The parts of `sluice/models` that Vicuna is made of, in other sizes. A loss is any scalar.

// %%
const config = {
  ...{ width: 48, layers: 2, heads: 4, keyHeads: 4, headWidth: 12, mlpWidth: 128 },
  ...{ vocabulary: 11, theta: 1e4, eps: 1e-5, projections: separate },
} as const
const ids = indexInput('ids', ['rows', length])
const scores = llama(config)(ids)
const lossOf = (scores: AnyTensor) =>
  nextTokenLoss(scores as Tensor<['rows', 11, 11]>, indexInput('labels', ['rows', length]))

// %% [markdown]
// ## A minute of training
// The plot grows while it learns: `onStep` is called after every update.

// %%
const learn = async (
  name: string,
  model: Learner,
  change: Change,
  optimizer: Optimizer,
  trainable?: readonly string[],
) => {
  const lines: LogLine[] = []
  const onStep = (line: LogLine): void => {
    lines.push(line)
    if (lines.length % 25 === 0) writeFileSync(`out/${name}.svg`, lossPlot(lines, name))
  }
  const options = { optimizer, clip: 1, seed: 1, onStep, ...(trainable === undefined ? {} : { trainable }) }
  const learned = await pipe(model, train(options)(batches(250, k => batch(k, change))))()
  console.log(`out/${name}.svg`)
  return get(learned)
}
const backwards = await learn(
  'backwards',
  { loss: lossOf(scores), weights: new Map() },
  same,
  adamW({ lr: cosine(5e-3, { warmup: 0.1 }) }),
)
// => out/backwards.svg

/** Of digits that it has not seen, how many does it foretell? */
const share = async (scores: AnyTensor, { weights }: Learner, change: Change): Promise<number> => {
  const { ids } = batch(1e6, change)
  const { best } = get(await run({ best: argmax(-1)(scores as Loose) }, { ids }, { weights })())
  const right = Array.from(ids.data, (_, at) => at % length > digits && best.data[at - 1] === ids.data[at])
  return right.filter(Boolean).length / (rows * digits)
}
console.log((await share(scores, backwards, same)) > 0.95, (await share(scores, backwards, higher)) < 0.2)
// => true true

// %% [markdown]
// ## Adapters
// LoRA is an edit of the graph: every linear layer is replaced by itself and a narrow path beside it. The model's own weights are frozen: no gradient of them
// is taken, and nothing is kept for one.

// %%
const adapted = replace(linearsBut(), lora({ rank: 4, alpha: 8 }))(scores)
const raised = await learn(
  'backwards-and-higher',
  { ...backwards, loss: lossOf(adapted) },
  higher,
  adamW({ lr: cosine(1e-2, { warmup: 0.1 }) }),
  ['lora_A', 'lora_B'],
)
// => out/backwards-and-higher.svg
console.log((await share(adapted, raised, higher)) > 0.95, (await share(scores, raised, same)) > 0.95)
// => true true
