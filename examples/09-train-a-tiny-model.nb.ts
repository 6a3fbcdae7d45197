// %% [markdown]
// # Train a tiny model in a minute
// A Llama of 49 thousand weights learns to say five digits backwards. Forward, backward, clipping and AdamW are one program on the GPU, and all that comes
// back of a step are its loss and the size of its gradient.

// %%
import { either as E } from 'fp-ts'
import { writeFileSync } from 'node:fs'
import {
  batches,
  cosine,
  indexInput,
  lossPlot,
  randomBits,
  run,
  train,
  value,
  type CompileOptions,
  type LogLine,
  type Loose,
  type SluiceError,
  type Tensor,
} from 'sluice'
import { llama, nextTokenLoss, separate } from 'sluice/models'
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
const sequence = (seed: number): readonly number[] => {
  const said = Array.from({ length: digits }, (_, i) => randomBits(seed, i) % 10)
  return [...said, 10, ...said.toReversed()]
}
const rows = 32
const batch = (k: number) => {
  const all = Array.from({ length: rows }, (_, r) => sequence(rows * k + r))
  const learned = all.map(one => one.map((id, i) => (i > digits ? id : -100)))
  return { ids: value([rows, length], all.flat(), 'index'), labels: value([rows, length], learned.flat(), 'index') }
}
console.log(sequence(1).join(' '))
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
const loss = nextTokenLoss(scores as Tensor<['rows', 11, 11]>, indexInput('labels', ['rows', length]))

// %% [markdown]
// ## A minute of training
// `onStep` is called after every update. The plot grows while the model learns: `out/backwards.html` in a browser looks at it every second.

// %%
const lines: LogLine[] = []
const onStep = (line: LogLine): void => {
  lines.push(line)
  if (lines.length % 25 === 0) writeFileSync('out/backwards.svg', lossPlot(lines, 'backwards'))
}
writeFileSync('out/backwards.html', '<meta http-equiv="refresh" content="1"><img src="backwards.svg" width="720">')
const learn = train({ optimizer: adamW({ lr: cosine(5e-3, { warmup: 0.1 }) }), clip: 1, seed: 1, onStep })
const { weights } = get(await learn(batches(250, batch))({ loss, weights: new Map() })())
console.log('out/backwards.svg')
// => out/backwards.svg

// %% [markdown]
// Of digits that it has not seen, how many does it foretell, and how many did it before it learned?

// %%
const share = async (options: CompileOptions): Promise<number> => {
  const { ids } = batch(1e6)
  const { best } = get(await run({ best: argmax(-1)(scores as Loose) }, { ids }, options)())
  const right = Array.from(ids.data, (_, at) => at % length > digits && best.data[at - 1] === ids.data[at])
  return right.filter(Boolean).length / (rows * digits)
}
console.log((await share({ weights })) > 0.95, (await share({})) < 0.3)
// => true true
