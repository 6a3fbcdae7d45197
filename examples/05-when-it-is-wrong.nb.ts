// %% [markdown]
// # When it is wrong
// An error says what was expected, what was found, where both come from, and what to do next. A graph that cannot be is refused where it
// is built, by a thrown `ShapeError`: a wrong program is a bug. What comes from outside (files, values, devices) is refused by a value.

// %%
import { either as E, taskEither as TE } from 'fp-ts'
import { readFileSync } from 'node:fs'
import {
  bytesSource,
  compile,
  evaluate,
  files,
  indexInput,
  input,
  inputOf,
  named,
  pipe,
  replace,
  tap,
  type Folder,
} from 'sluice'
import { load } from 'sluice/models'
import { add, concat, linear, matmul, rearrange, take } from 'sluice/ops'

const refusal = (build: () => unknown): void => {
  try {
    build()
  } catch (error) {
    console.log(String(error))
  }
}

// %% [markdown]
// ## Before it runs, in the editor
// Sizes that are written down are checked by tsc, and the message is the rule's.

// %%
const picture = input('picture', [576, 4096])
const objects = input('objects', ['boxes', 2880])
// @ts-expect-error Type '2880' is not assignable to type '4096'.
const unlike = () => concat(0)(picture, objects)

// %% [markdown]
// ## When the graph is built
// The same rule speaks for sizes that tsc cannot know, such as those of a configuration file. It names the axis, both sizes, and the
// lines that the inputs come from.

// %%
refusal(unlike)
// => ShapeError: concat (a ...s, b ...s -> a+b ...s): axis 1 is 4096 in input 1 but 2880 in input 2
// =>   input 1 is [576, 4096] from input 'picture' (examples/05-when-it-is-wrong.nb.ts:39)
// =>   input 2 is ['boxes', 2880] from input 'objects' (examples/05-when-it-is-wrong.nb.ts:40)
const { width }: { width: number } = JSON.parse('{ "width": 5 }')
const x = inputOf('x', [3, width])
refusal(() => matmul(x, inputOf('y', [width - 1, 6])))
// => ShapeError: matmul (...s m k, ...s k n -> ...s m n, ...s broadcast): axis 'k' is 5 in input 1 but 4 in input 2
// =>   input 1 is [3, 5] from input 'x' (examples/05-when-it-is-wrong.nb.ts:55)
// =>   input 2 is [4, 6] from input 'y' (examples/05-when-it-is-wrong.nb.ts:56)
refusal(() => rearrange('n (h d) -> h n d', { h: 2 })(x))
// => ShapeError: rearrange (n (h d) -> h n d): axis '(h d)': 5 is not divisible by 2
// =>   input 1 is [3, 5] from input 'x' (examples/05-when-it-is-wrong.nb.ts:55)

// %% [markdown]
// Kinds are part of a shape's rule: indices are no numbers to add.

// %%
refusal(() => add(x, indexInput('ids', [3, 5]) as never))
// => ShapeError: add (numpy broadcasting): input 2 holds indices, should hold numbers
// =>   input 2 is [3, 5] from input 'ids' (examples/05-when-it-is-wrong.nb.ts:68)

// %% [markdown]
// ## When a name is wrong

// %%
const model = pipe(x, linear('gate', 8), named('gated'), linear('out', 2))
refusal(() => tap(model, 'gatd'))
// => TypeError: tap: no value is called 'gatd'; the nearest of 8 names: gate, gated, out, x, gate.bias
refusal(() => replace('gated', input('other', [3, 9]))(model))
// => ShapeError: replace: the old value is [3, 8], its replacement [3, 9]
// =>   [3, 8] from add (gated, examples/05-when-it-is-wrong.nb.ts:76)
// =>   [3, 9] from input 'other' (examples/05-when-it-is-wrong.nb.ts:79)

// %% [markdown]
// ## When a value does not fit
// A size with a name gets its number from the value that arrives, and everything that follows from it is checked again.

// %%
const table = input('table', ['words', 4])
const rows = take(0)(table, indexInput('ids', ['tokens']))
for (const feeds of [{ table: [1, 2, 3, 4] }, { table: [1, 2, 3], ids: [0] }, { table: [1, 2, 3, 4], id: [0] }]) {
  const value = evaluate(rows, feeds)
  console.log(E.isLeft(value) ? value.left.message : value.right.shape)
}
// => no value for input 'ids' ['tokens']
// => input 'table' ['words', 4]: 3 numbers do not fill it
// => 'id' is not an input of this graph; its inputs are 'table', 'ids'

// %% [markdown]
// ## When a checkpoint does not fit
// Everything that is wrong with a folder comes in one error: file, field or tensor, what was needed, what was found. Here a folder that says of itself
// that it was trained with another fusion, and one whose wiring is not what it should be.

// %%
const tiny = files.within('examples/data/tiny-mg-llava')
const wiring = JSON.parse(readFileSync('examples/data/tiny-mg-llava/mg-llava.json', 'utf8'))
const folderWith = (changed: object): Folder => {
  const text = JSON.stringify({ ...wiring, ...changed })
  const source = bytesSource('mg-llava.json', new TextEncoder().encode(text))
  return { ...tiny, open: file => (file === 'mg-llava.json' ? TE.right(source) : tiny.open(file)) }
}
for (const changed of [{ fusion: 'gated-concat' }, { fusion: 'conv-gates', low_size: 60, boxes: null }]) {
  const loaded = await load(folderWith(changed))()
  console.log(E.isLeft(loaded) ? loaded.left.message : 'loaded')
}
// => examples/data/tiny-mg-llava/mg_llava.pth: projector.model.0.weight needs [48, 64], found [48, 32]
// => examples/data/tiny-mg-llava/mg-llava.json: fusion: expected one of none, conv-gate, gated-concat, concat, channel-concat, fast-mlp, patch-info-mining, resampler, found "conv-gates"
// => examples/data/tiny-mg-llava/mg-llava.json: boxes: expected one of concat, placed, none, f-to-b, b-to-f, found null

// %% [markdown]
// ## When there is too little memory
// What a run needs is known before it starts, so too much of it is an error too, with what was needed and what there is.

// %%
const program = await compile(pipe(input('many', ['rows', 256]), linear('wide', 256)))()
if (E.isRight(program)) {
  const plan = program.right.plan({ rows: 1e12 })
  console.log(E.isLeft(plan) ? plan.left.kind : 'it fits')
}
// => limit
