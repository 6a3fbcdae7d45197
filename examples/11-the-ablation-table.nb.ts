// %% [markdown]
// # The ablation table
// Table 4 of the MG-LLaVA paper asks what a second view adds, how it should be fused, and what should become of the boxes. Here its variants are
// composed, four of them are trained with two seeds each, about a minute in all, and the numbers themselves say which differences to believe.

// %%
import { either as E } from 'fp-ts'
import { parseHTML } from 'linkedom'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import * as Plot from '@observablehq/plot'
import { parameters, tap, type AnyTensor, type SluiceError } from 'sluice'
import {
  bothViews,
  boxesAskMap,
  channelConcat,
  concatBoxes,
  convGate,
  load,
  lowOnly,
  mapAsksBoxes,
  mgLlava,
  noBoxes,
  patchInfoMining,
  placedBoxes,
  resampler,
} from 'sluice/models'

/** In a notebook an error may end everything. */
const get = <A>(result: E.Either<SluiceError, A>): A => {
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}
const { document } = parseHTML('<html></html>')
/** A chart as a file; the page that is made of a notebook shows it. */
const show = (name: string, options: Plot.PlotOptions): void => {
  const chart = Plot.plot({ ...options, document })
  chart.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  writeFileSync(`out/${name}.svg`, chart.outerHTML)
  console.log(`out/${name}.svg`)
}

// %% [markdown]
// ## Nine variants are nine compositions
// The towers and the language model are those of the small MG-LLaVA of this repository, which answers questions about scenes of emoji. A variant says
// what stands between them: a fusion of the two views, and what becomes of the boxes.

// %%
const folder = 'examples/data/emoji-mg-llava'
const { parts } = get(await load(folder)())
if (!('convNext' in parts)) throw new Error(`${folder} has one tower`)
const queries = resampler({ heads: 4, side: parts.lowSize / Number(parts.clip.patch) })
const variants: Readonly<Record<string, AnyTensor>> = {
  baseline: mgLlava({ ...parts, fusion: lowOnly, boxes: noBoxes }),
  '+ boxes': mgLlava({ ...parts, fusion: lowOnly, boxes: placedBoxes }),
  '+ boxes + Conv-Gate': mgLlava({ ...parts, fusion: convGate, boxes: placedBoxes }),
  'Channel Concat': mgLlava({ ...parts, fusion: channelConcat, boxes: placedBoxes }),
  'Patch Info Mining': mgLlava({ ...parts, fusion: patchInfoMining, boxes: placedBoxes }),
  Resampler: mgLlava({ ...parts, fusion: bothViews, projector: queries, boxes: placedBoxes }),
  'F-to-B': mgLlava({ ...parts, fusion: convGate, boxes: mapAsksBoxes }),
  'B-to-F': mgLlava({ ...parts, fusion: convGate, boxes: boxesAskMap('fused') }),
  'concat without places': mgLlava({ ...parts, fusion: convGate, boxes: concatBoxes }),
}

// %% [markdown]
// The towers stay as they are; all else learns. How wide are the tokens that a fusion gives, and how many numbers learn?

// %%
const blocks = ['projector', 'bbox_projector', 'fuse_module', 'box_fuse_module', 'llm']
const learned = (model: AnyTensor): number =>
  parameters(model)
    .filter(({ name }) => blocks.some(block => name.startsWith(`${block}.`)))
    .map(({ shape }) => shape.map(Number).reduce((a, b) => a * b))
    .reduce((a, b) => a + b)
for (const [name, model] of Object.entries(variants))
  console.log(name.padEnd(21), tap(model, 'E_F').shape.join(' x ').padEnd(9), learned(model).toLocaleString('en'))
// => baseline              144 x 96  980,352
// => + boxes               144 x 96  1,489,408
// => + boxes + Conv-Gate   144 x 96  1,554,049
// => Channel Concat        144 x 256 1,509,888
// => Patch Info Mining     144 x 96  1,555,552
// => Resampler             288 x 96  1,648,160
// => F-to-B                144 x 96  1,111,137
// => B-to-F                144 x 96  1,661,345
// => concat without places 144 x 96  1,521,281

// %% [markdown]
// ## The same budget for each
// `sluice ablate` trains and examines variants. All of them see the same 20 scenes, in five steps of four, and are asked the same questions about
// eight scenes in which things meet that never met in training. What lies between the picture and the language model begins anew in each, by its
// seed. Two seeds differ in those initial values and in the order of the scenes.

// %%
const out = 'out/ablation-table'
rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
/** A program of this repository, run to its end; what it says when it fails is in the error. */
const program = (file: string, ...args: readonly string[]): void =>
  void execFileSync(process.execPath, ['--import', 'tsx', '--conditions=sluice-source', file, ...args], {
    stdio: 'pipe',
  })
const scenes = (name: string, ...asked: readonly string[]): object => {
  program('examples/emoji/write-scenes.ts', `${out}/${name}`, ...asked)
  return { conversations: `${out}/${name}/conversations.json`, boxes: `${out}/${name}/boxes.json` }
}
const train = scenes('train', '--split', 'train', '--count', '20', '--seed', '21', '--questions', '6')
const exam = scenes('exam', '--split', 'test-pairs', '--count', '8', '--seed', '22')
// none of the four below has the block of F-to-B and B-to-F
const stage = { name: 'questions', trainable: blocks.filter(block => block !== 'box_fuse_module') }
const config = {
  model: folder,
  out: `${out}/runs`,
  seeds: [1, 2],
  initial: ['projector', 'fuse_module'],
  stages: [{ ...stage, ...train, lr: 2e-3, batch: 4, clip: 1 }],
  exam,
  variants: [
    { name: 'baseline', fusion: 'none', boxes: 'none' },
    { name: '+ boxes', fusion: 'none', boxes: 'placed' },
    { name: '+ boxes + Conv-Gate', fusion: 'conv-gate', boxes: 'placed' },
    { name: 'Resampler', fusion: 'resampler', resampler_heads: 4, boxes: 'placed' },
  ],
}
writeFileSync(`${out}/config.json`, JSON.stringify(config))
program('bin/sluice.ts', 'ablate', `${out}/config.json`)

// %% [markdown]
// It leaves tables, a drawing and all numbers. The variants that it made of words are those composed above: as many numbers learn.

// %%
interface Row {
  readonly name: string
  /** shares of right answers: of every seed, their mean, and where that may lie for other questions of the same kind (95 %) */
  readonly seeds: readonly { readonly seed: number; readonly right: number }[]
  readonly right: number
  readonly interval: readonly [number, number]
  /** how much more is right than for the first, question by question, and half of the 95 % interval of that */
  readonly ahead?: readonly [number, number]
  readonly trained: number
}
interface Found {
  readonly questions: number
  readonly variants: readonly Row[]
  /** who does not look, and gives the commonest answer to each family of questions */
  readonly blind: { readonly right: number }
}
const found: Found = JSON.parse(readFileSync(`${config.out}/ablation.json`, 'utf8'))
const rows = found.variants
console.log(rows.map(({ name, trained }) => trained === learned(variants[name]!)))
// => [ true, true, true, true ]

// %% [markdown]
// ## When is a difference one?
// Train the same variant again with another seed and it answers some other questions right. A difference between two variants counts here where
// it is larger than what the seeds of either differ by. The rule is all that is written down: what it says comes out of the numbers.

// %%
const spread = ({ seeds }: Row): readonly [low: number, high: number] => {
  const shares = seeds.map(({ right }) => right)
  return [Math.min(...shares), Math.max(...shares)]
}
const width = (row: Row): number => spread(row)[1] - spread(row)[0]
const verdict = (row: Row, other: Row): string => {
  const difference = row.right - other.right
  if (Math.abs(difference) <= Math.max(width(row), width(other))) return 'not told apart'
  return difference > 0 ? 'better' : 'worse'
}

// %% [markdown]
// The table. It is a picture, since processors and drivers round differently, and after some steps of training that may move an answer.

// %%
const [baseline, boxed] = rows as readonly [Row, Row, ...Row[]]
const percent = (share: number): string => (100 * share).toFixed(1)
const range = ([low, high]: readonly [number, number]): string => `${percent(low)} to ${percent(high)}`
const versus = ({ ahead }: Row): string =>
  ahead === undefined ? '' : `${ahead[0] < 0 ? '−' : '+'}${percent(Math.abs(ahead[0]))} ± ${percent(ahead[1])}`
const columns: Readonly<Record<string, (row: Row) => string>> = {
  'right, %': row => percent(row.right),
  'the two seeds': row => range(spread(row)),
  '95 % of the questions': row => range(row.interval),
  'against baseline': versus,
  'beyond the seeds?': row => (row === baseline ? '' : verdict(row, baseline)),
  'against + boxes': row => (row === baseline || row === boxed ? '' : verdict(row, boxed)),
}
const named = { label: null, domain: rows.map(({ name }) => name) }
show('ablation-table', {
  width: 880,
  height: 40 + 28 * rows.length,
  marginLeft: 150,
  x: { label: null, axis: 'top', domain: Object.keys(columns), tickSize: 0 },
  y: { ...named, tickSize: 0 },
  marks: [
    Plot.text(
      rows.flatMap(row => Object.entries(columns).map(([column, of]) => ({ name: row.name, column, text: of(row) }))),
      { x: 'column', y: 'name', text: 'text' },
    ),
  ],
})
// => out/ablation-table.svg

// %% [markdown]
// The same as a drawing: a dot is a seed, the upright their mean, the band the 95 % interval of the questions. The red line is who does not look, and always
// gives the commonest answer of a question's family.

// %%
show('ablation-seeds', {
  width: 760,
  height: 60 + 34 * rows.length,
  marginLeft: 150,
  x: { label: `right answers to ${found.questions} questions, %`, grid: true, percent: true },
  y: named,
  marks: [
    Plot.barX(rows, { x1: d => d.interval[0], x2: d => d.interval[1], y: 'name', fill: '#e3ecf7', inset: 4 }),
    Plot.ruleX([found.blind.right], { stroke: '#a33', strokeDasharray: '4 3' }),
    Plot.tickX(rows, { x: 'right', y: 'name', stroke: '#1f4e8c', strokeWidth: 2 }),
    Plot.dot(
      rows.flatMap(({ name, seeds }) => seeds.map(({ right }) => ({ name, right }))),
      { x: 'right', y: 'name', fill: '#1f4e8c', r: 4 },
    ),
  ],
})
// => out/ablation-seeds.svg

// %% [markdown]
// ## What it says

// %%
const pairs = [[boxed, baseline] as const, ...rows.slice(2).map(row => [row, boxed] as const)]
for (const [row, other] of pairs) console.log(`${row.name} against ${other.name}: ${verdict(row, other)}`)
// => + boxes against baseline: better
// => + boxes + Conv-Gate against + boxes: not told apart
// => Resampler against + boxes: not told apart

// %% [markdown]
// What cannot be told apart is not thereby equal: five steps are few, two seeds only hint at a spread, and a hundred questions leave a wide band. And the
// start is not the same chance for all: the language model and the box projector come from a model that was trained with boxes, so that a variant that uses them
// as that model did has less to learn.
//
// `docs/ablation.md` has all nine with two seeds each, 18 runs of 80 steps and 856 questions, from a start that had seen no question about a picture. It needs no other
// program: `npm run sluice -- ablate examples/emoji/ablation.json`.
