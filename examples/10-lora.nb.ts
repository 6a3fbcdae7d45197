// %% [markdown]
// # LoRA: teach a trained model something new
// stories260K writes stories about children. Narrow paths beside two of the linear layers of its attention make them stories about robots; of the
// model's own 260 thousand weights none moves. Nothing in the model was written for it: adapters are an edit of its graph.

// %%
import { either as E } from 'fp-ts'
import { writeFileSync } from 'node:fs'
import {
  batches,
  compile,
  cosine,
  indexInput,
  lossPlot,
  parameters,
  pipe,
  randomBits,
  replace,
  train,
  value,
  type AnyTensor,
  type CompileOptions,
  type LogLine,
  type Loose,
  type SluiceError,
  type Tensor,
  type Value,
} from 'sluice'
import { linears, llama, loadLlama, lora, mergeLora, nextTokenLoss, peftName } from 'sluice/models'
import { adamW, argmax } from 'sluice/ops'

/** In a notebook an error may end everything. */
const get = <A>(result: E.Either<SluiceError, A>): A => {
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}

// %% [markdown]
// ## Stories to learn
// A robot has a name, a place and something that it likes: 216 stories. One in six is kept for looking how well it learned.

// %%
const names = ['Zip', 'Bolt', 'Max', 'Dot', 'Beep', 'Tin']
const places = ['on the moon', 'in a big ship', 'under the sea', 'in a red house', 'in the forest', 'on a farm']
const likes = ['count stars', 'sing songs', 'eat cake', 'run fast', 'read books', 'help people']
const stories = names.flatMap((name, n) =>
  places.flatMap((place, p) =>
    likes.map((liked, l) => ({
      text: `Once upon a time, there was a little robot named ${name}. ${name} lived ${place} and liked to ${liked}.`,
      kept: (n + p + l) % 6 === 0,
    })),
  ),
)
const textsOf = (which: boolean): readonly string[] =>
  stories.flatMap(({ text, kept }) => (kept === which ? [text] : []))
const [lessons, kept] = [textsOf(false), textsOf(true)]
console.log(`${lessons.length} to learn from, ${kept.length} kept`)
// => 180 to learn from, 36 kept

// %% [markdown]
// Texts become rows of ids; after their end stands nothing to learn.

// %%
const { config, tokenizer, weights } = get(await loadLlama('examples/data/stories260K')())
const length = 56
const start = tokenizer.idOf('<s>')!
const idsOf = (text: string): readonly number[] => [start, ...tokenizer.encode(text)]
const feedsOf = (rows: readonly (readonly number[])[]) => {
  const filled = (rest: number) => rows.flatMap(row => [...row, ...Array<number>(length - row.length).fill(rest)])
  const shape = [rows.length, length]
  return { ids: value(shape, filled(0), 'index'), labels: value(shape, filled(-100), 'index') }
}
const rows = 12
const batch = (k: number) =>
  feedsOf(Array.from({ length: rows }, (_, r) => idsOf(lessons[randomBits(k, r) % lessons.length]!)))

// %% [markdown]
// ## The edit
// `linears` selects layers by their names, `lora` is what each gets: a path through `rank` numbers beside its own, which adds nothing at first. (The
// embedding is counted twice below: its numbers are those of the last layer as well.)

// %%
const logits = llama(config)(indexInput('ids', ['rows', length]))
const adapter = { rank: 4, alpha: 8 }
const adapted = pipe(logits, replace(linears('q_proj', 'v_proj'), lora(adapter)))

const size = (all: ReturnType<typeof parameters>): number =>
  all.map(({ shape }) => shape.map(Number).reduce((a, b) => a * b)).reduce((a, b) => a + b)
const added = parameters(adapted).filter(({ name }) => name.includes('lora_'))
console.log(`${size(added)} weights to train beside ${size(parameters(logits))}`)
// => 4480 weights to train beside 292800
console.log(added[1]!.name)
// => model.layers.0.self_attn.q_proj.lora_B.weight
console.log(peftName(added[1]!.name))
// => base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight

// %% [markdown]
// ## Before
// What the model as it was published makes of the stories that are kept, and how it goes on by itself.

// %%
const lossOf = (scores: AnyTensor) =>
  nextTokenLoss(scores as Tensor<['rows', typeof length, number]>, indexInput('labels', ['rows', length]))
/** A model that is ready to be looked at: its scores, what is likeliest to follow each id, and its loss. */
const ready = async (scores: AnyTensor, from: NonNullable<CompileOptions['weights']>) =>
  get(await compile({ scores, best: argmax(-1)(scores as Loose), loss: lossOf(scores) }, { weights: from })())
type Ready = Awaited<ReturnType<typeof ready>>

const surprise = async ({ run }: Ready): Promise<number> =>
  get(await run(feedsOf(kept.map(idsOf)), { only: ['loss'] })()).loss!.data[0]!
const goOn = async ({ run }: Ready, prompt: string, count: number): Promise<string> => {
  const ids = [...idsOf(prompt)]
  for (let k = 0; k < count; k++) {
    const { best } = get(await run(feedsOf([ids]), { only: ['best'] })())
    ids.push(best!.data[ids.length - 1]!)
  }
  return tokenizer.decode(ids)
}
const published = await ready(logits, weights)
const before = await surprise(published)
console.log(`loss ${before.toFixed(1)}`)
// => loss 1.5
console.log(await goOn(published, 'Once upon a time, there was a little', 16))
// => Once upon a time, there was a little girl named Lily. She loved to play outside

// %% [markdown]
// ## A minute of training
// `trainable` names what moves. No gradient is taken of anything else, and nothing is kept for one.

// %%
const lines: LogLine[] = []
const onStep = (line: LogLine): void => {
  lines.push(line)
  if (lines.length % 20 === 0) writeFileSync('out/lora.svg', lossPlot(lines, 'lora'))
}
const tune = train({
  trainable: ['lora_A', 'lora_B'],
  optimizer: adamW({ lr: cosine(2e-2, { warmup: 0.1 }) }),
  clip: 1,
  seed: 1,
  onStep,
})
const tuned = get(await tune(batches(100, batch))({ loss: lossOf(adapted), weights })())
console.log('out/lora.svg')
// => out/lora.svg

// %% [markdown]
// ## After

// %%
const beside = await ready(adapted, tuned.weights)
const after = await surprise(beside)
console.log(`loss ${after.toFixed(1)}`)
// => loss 0.2
console.log(await goOn(beside, 'Once upon a time, there was a little', 16))
// => Once upon a time, there was a little robot named Zip. Zip lived

// %% [markdown]
// ## Merged
// Added into the layers that they stand beside, adapters cost nothing any more: the model of the beginning, with other numbers, says the same.

// %%
const values = new Map<string, Value>()
for (const [name, entry] of tuned.weights) values.set(name, value(entry.shape, get(await entry.read())))
const merged = await ready(logits, new Map([...values, ...mergeLora(adapter)(values)]))

const scoresOf = async ({ run }: Ready) => get(await run(feedsOf(kept.map(idsOf)), { only: ['scores'] })()).scores!.data
const [apart, one] = [await scoresOf(beside), await scoresOf(merged)]
const largest = (numbers: ArrayLike<number>): number =>
  Array.from(numbers).reduce((most, x) => Math.max(most, Math.abs(x)), 0)
const difference = largest(Array.from(one, (x, i) => x - apart[i]!))
console.log(
  difference < 1e-4 * largest(apart),
  (await goOn(merged, 'Once upon a time, there was a little', 16)).includes('robot'),
)
// => true true
