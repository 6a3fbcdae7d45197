// %% [markdown]
// # Kernels and a profile
// What does a model become, and where does its time go? A graph is lowered to passes, each one dispatch of a kernel that is made to be read. Lowering needs
// no GPU: it only has to be told about one.

// %%
import { either as E } from 'fp-ts'
import { parseHTML } from 'linkedom'
import { writeFileSync } from 'node:fs'
import * as Plot from '@observablehq/plot'
import { compile, describePlan, listing, lower, tap, type DeviceProfile, type SluiceError } from 'sluice'
import { ask, load, mgLlava } from 'sluice/models'

/** In a notebook an error may end everything. */
const get = <A>(result: E.Either<SluiceError, A>): A => {
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}
const gpu: DeviceProfile = {
  tuning: 'gpu',
  subgroup: [32, 32],
  f16: true,
  timestamps: true,
  maxInvocations: 256,
  maxBinding: 2 ** 27,
  maxBuffer: 2 ** 31,
  maxWorkgroupsPerDimension: 65535,
  maxStorageBuffers: 8,
  imageRows: 0,
  offsetAlignment: 256,
}
const folder = 'examples/data/tiny-mg-llava'
const loaded = get(await load(folder)())
const model = mgLlava(loaded.parts)

// %% [markdown]
// ## Passes
// The fusion is written in steps: reshape, convolve, gelu, convolve, add, reshape, join, mean, two linear layers with gelu and tanh between, scale, add. What is
// element by element, and all reshaping, is part of another step's kernel.

// %%
const fused = lower(tap(model, 'E_F'), { profile: gpu })
const own = fused.passes.filter(({ path }) => path.startsWith('fuse_module'))
for (const { label } of own) console.log(label)
// => slice + rearrange + convolve + add + gelu
// => slice + rearrange + convolve + add
// => convolve + rearrange + add + gelu
// => convolve + rearrange + add
// => concat + rearrange + sum + overSize
// => einsum + add + gelu
// => einsum + add + tanh
// => mul + add

// %% [markdown]
// ## A kernel
// The gate is made from the mean of all tokens of both views, side by side. No token is moved for it: `rearrange` and `concat` have become an index, and
// which view a channel is of is decided where it is read.

// %%
console.log(listing(fused, { match: 'concat + rearrange + sum' }))
// => // fuse_module: concat + rearrange + sum + overSize
// => @group(0) @binding(0) var<storage, read> x: array<f32>;
// => @group(0) @binding(1) var<storage, read> x2: array<f32>;
// => @group(0) @binding(2) var<storage, read_write> y: array<f32>;
// =>
// => @compute @workgroup_size(64)
// => fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
// =>   let lane = i32(local);
// =>   let row = i32(group.y * 32768u + group.x) * 64 + lane;
// =>   if (row >= 64) { return; }
// =>   var total_part = 0.0;
// =>   for (var column = 0; column < 16; column += 1) {
// =>     let v0 = column * 32;
// =>     total_part += select(x2[v0 + row - 32], x[v0 + row], row < 32);
// =>   }
// =>   let total = total_part;
// =>   y[row] = total / 16.0;
// => }

// %% [markdown]
// ## Fewer kernels than passes
// There is no block's name in the text of a kernel, and sizes that have a name are read when it runs. So blocks that are equal share their kernels, and a
// question of another length needs no new one.

// %%
const whole = lower(model, { profile: gpu })
const kernelsOf = (part: string) =>
  new Set(whole.passes.filter(({ path }) => path.startsWith(part)).map(({ wgsl }) => wgsl))
const [first, second] = [kernelsOf('llm.model.layers.0'), kernelsOf('llm.model.layers.1')]
console.log('kernels that the second layer adds:', [...second].filter(text => !first.has(text)).length)
// => kernels that the second layer adds: 0
console.log('more than three passes for two kernels:', 2 * whole.passes.length > 3 * kernelsOf('').size)
// => more than three passes for two kernels: true

// %% [markdown]
// ## On the device
// `compile` lowers for the GPU that is there, which may have other kernels. What a run needs of memory is known before it: a plan is made for every choice of
// sizes, and values that do not live at the same time share their place.

// %%
const question = {
  image: `${folder}/street.png`,
  boxes: `${folder}/street.boxes.json`,
  prompt: 'What is left of the red square?',
}
const { stages, inputIds } = get(await ask(question, undefined, { stages: true, maxNewTokens: 1 })(loaded)())
const at = inputIds.findIndex(id => id < 0)
const feeds = {
  image: stages.pixel_values!,
  detail: stages.pixel_values_aux!,
  boxes: stages.boxes!,
  before: inputIds.slice(0, at),
  after: inputIds.slice(at + 1),
}
const program = get(await compile(model, { weights: loaded.weights })())
const plan = get(program.plan({ before: feeds.before.length, after: feeds.after.length, boxes: 6 }))
console.log(describePlan(plan).split('\n')[0])
// => memory for before = 8, after = 24, boxes = 6
const { work } = plan.memory
console.log('values take less than a third of their sum:', work < plan.unshared / 3)
// => values take less than a third of their sum: true

// %% [markdown]
// ## Where the time goes
// `profile` lets the device write a timestamp around every pass, and around every copy into an image where passes read from those. Times differ from run to run, so the text of this page cannot state them, but the picture can:
// milliseconds by part of the model, and how many operations each part does in them.

// %%
const profile = get(await program.profile(feeds)())
console.log(profile.passes.length >= program.lowered.passes.length, profile.milliseconds > 0)
// => true true
const partOf = (path: string): string =>
  /^(visual\.trunk|llm\.model\.layers\.\d+|llm|[^.]+)/.exec(path)?.[0] ?? 'between'
const parts = [...new Set(profile.passes.map(({ path }) => partOf(path)))]
const times = parts.map(part => {
  const passes = profile.passes.filter(({ path }) => partOf(path) === part)
  const sum = (f: (pass: (typeof passes)[number]) => number): number =>
    passes.reduce((total, pass) => total + f(pass), 0)
  const milliseconds = sum(pass => pass.milliseconds)
  return {
    part,
    milliseconds,
    text: `${passes.length} passes, ${(sum(pass => pass.flops) / milliseconds / 1e6).toPrecision(2)} GFLOP/s`,
  }
})
const { document } = parseHTML('<html></html>')
const chart = Plot.plot({
  document,
  height: 26 * parts.length + 50,
  marginLeft: 110,
  marginRight: 150,
  x: { label: `milliseconds on ${profile.device}, by ${profile.how}`, grid: true },
  y: { label: null, domain: parts },
  marks: [
    Plot.barX(times, { x: 'milliseconds', y: 'part', fill: '#4269d0' }),
    Plot.text(times, { x: 'milliseconds', y: 'part', text: 'text', textAnchor: 'start', dx: 4 }),
    Plot.ruleX([0]),
  ],
})
chart.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
writeFileSync('out/profile.svg', chart.outerHTML)
console.log('out/profile.svg')
// => out/profile.svg
program.dispose()

// %% [markdown]
// On the command line these are `sluice wgsl DIR --match fuse_module` and `sluice profile DIR IMAGE PROMPT`, which also measures what the device reaches at
// best and sets every kernel beside it.
