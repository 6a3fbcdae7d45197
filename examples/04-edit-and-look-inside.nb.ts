// %% [markdown]
// # Edit a model as data, and look inside
// A model is a value: it can be printed, counted, drawn, searched and changed. This one comes from a folder of a megabyte that is laid out as
// published checkpoints are (its weights are random).

// %%
import { either as E } from 'fp-ts'
import { mkdirSync, writeFileSync } from 'node:fs'
import { add, einsum } from 'sluice/ops'
import { load, mgLlava } from 'sluice/models'
import {
  compile,
  constant,
  count,
  describe,
  formatCount,
  formatProfile,
  graph,
  labels,
  listing,
  param,
  parameters,
  pipe,
  replace,
  run,
  tap,
  type SluiceError,
} from 'sluice'

/** In a notebook an error may end everything. */
const get = <A>(result: E.Either<SluiceError, A>): A => {
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}

const { parts, weights } = get(await load('examples/data/tiny-mg-llava')())
const model = mgLlava(parts)
const sizes = { before: 8, boxes: 12, after: 24 }
console.log(describe(model, { depth: 1, sizes }))
// =>                    shape          parameters        elements         FLOP
// => model              [60, 410]                         183.1 k  19.47 MFLOP
// => ├─ before          [8]            input of indices
// => ├─ image           [3, 56, 56]    input
// => ├─ vision_model    [16, 32]                          38.62 k  1.344 MFLOP
// => ├─ detail          [3, 128, 128]  input
// => ├─ visual.trunk                                      37.54 k  7.389 MFLOP
// => ├─ fuse_module     [16, 32]                          6.665 k  187.8 kFLOP
// => ├─ projector       [16, 48]                          3.936 k  128.3 kFLOP
// => ├─ boxes           [12, 4]        input
// => ├─ box_features    [12, 88]                                   347.1 kFLOP
// => ├─ bbox_projector  [12, 48]                          6.624 k  160.7 kFLOP
// => ├─ after           [24]           input of indices
// => ├─ concat          [60, 48]
// => └─ llm             [60, 410]                         89.71 k  9.912 MFLOP

// %% [markdown]
// What it costs, block by block. Sizes that are not given stay names in the numbers.

// %%
console.log(formatCount(count(model, { depth: 1, sizes })))
// =>                           FLOP     moved  parameters  their bytes
// => model              19.47 MFLOP  6.368 MB     183.1 k     732.4 kB
// => ├─ vision_model    1.344 MFLOP    464 kB     38.62 k     154.5 kB
// => ├─ visual.trunk    7.389 MFLOP  3.737 MB     37.54 k     150.2 kB
// => ├─ fuse_module     187.8 kFLOP  122.9 kB     6.665 k     26.66 kB
// => ├─ projector       128.3 kFLOP  45.44 kB     3.936 k     15.74 kB
// => ├─ box_features    347.1 kFLOP   71.3 kB
// => ├─ bbox_projector  160.7 kFLOP  51.46 kB     6.624 k      26.5 kB
// => └─ llm             9.912 MFLOP  1.853 MB     89.71 k     358.8 kB
// => peak memory of values, op by op: 298.5 kB

// %% [markdown]
// ## Look at a value inside
// Every block labels what it returns. `tap` finds a value by the end of its name, and what it gives is a model again, with fewer inputs.

// %%
console.log(labels(model).filter(label => label.startsWith('fuse_module')))
// => [
// =>   'fuse_module.fast_conv',
// =>   'fuse_module.fast_proj',
// =>   'fuse_module.L',
// =>   'fuse_module.slow_conv',
// =>   'fuse_module.slow_proj',
// =>   'fuse_module.H',
// =>   'fuse_module.gate.0',
// =>   'fuse_module.gate.2',
// =>   'fuse_module.g',
// =>   'fuse_module'
// => ]
const image = Float32Array.from({ length: 3 * 56 * 56 }, (_, i) => Math.sin(i / 50))
const detail = Float32Array.from({ length: 3 * 128 * 128 }, (_, i) => Math.sin(i / 100))
const gate = get(await run(tap(model, 'fuse_module.g'), { image, detail }, { weights })())
console.log(gate.data[0]?.toFixed(3))
// => 0.263

// %% [markdown]
// ## An experiment is a selection and a replacement
// What if the gate were open? The original stays as it is, so both can be run side by side.

// %%
const open = pipe(model, replace('fuse_module.g', constant(1)))
const both = { gated: tap(model, 'E_F'), open: tap(open, 'E_F') }
const values = get(await run(both, { image, detail }, { weights })())
const change = values.gated.data.map((x, i) => Math.abs(x - values.open.data[i]!))
console.log(Math.max(...change).toFixed(2))
// => 3.29

// %% [markdown]
// A selection may be a predicate, and a replacement may use the old value. Low-rank adapters (Hu et al., LoRA, 2021) on every query projection of the
// language model:

// %%
const adapted = pipe(
  model,
  replace(
    ({ names }) => names.some(name => /^llm.*q_proj\.weight$/.test(name)),
    weight => {
      const [rows, columns] = weight.shape as [number, number]
      const down = param('lora_a', [4, columns])
      const up = param('lora_b', [rows, 4], { init: 'zeros' })
      return add(weight, einsum('o r, r i -> o i')(up, down))
    },
  ),
)
console.log(
  parameters(adapted).flatMap(({ name, shape }) => (name.includes('lora') ? `${name} [${shape.join(', ')}]` : [])),
)
// => [
// =>   'llm.model.layers.0.self_attn.q_proj.lora_b [48, 4]',
// =>   'llm.model.layers.0.self_attn.q_proj.lora_a [4, 48]',
// =>   'llm.model.layers.1.self_attn.q_proj.lora_b [48, 4]',
// =>   'llm.model.layers.1.self_attn.q_proj.lora_a [4, 48]'
// => ]

// %% [markdown]
// ## Look at what it becomes
// `graph` draws it, with shapes on the arrows.

// %%
mkdirSync('out', { recursive: true })
writeFileSync('out/fusion.svg', get(await graph(tap(model, 'E_F'), { depth: 1 })()))

// %% [markdown]
// A program has passes, and each pass a kernel that can be read. Here are those of the projector (leave out the filter to see their WGSL).

// %%
const program = get(await compile(tap(model, 'picture'), { weights })())
const kernels = listing(program.lowered, { match: 'projector' })
console.log(kernels.split('\n').filter(line => line.startsWith('// ')))
// => [
// =>   '// projector: einsum + add + gelu',
// =>   '// projector.model.2: einsum + add'
// => ]

// %% [markdown]
// `profile` measures every pass on the device. `sluice profile` sets it beside what the device reaches at best.

// %%
const profile = get(await program.profile({ image, detail })())
console.log(formatProfile(profile, { by: 'block' }).split('\n')[1]?.split(/ +/))
// => [ 'block', 'passes', 'ms', 'share', 'GFLOP/s', 'GB/s' ]
program.dispose()
