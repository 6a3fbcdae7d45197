// %% [markdown]
// # Inside a CLIP
// A folder as Hugging Face publishes it, `config.json` and `model.safetensors`, becomes a model, and every value in it can be looked at and changed. This
// one is the vision tower of the tiny MG-LLaVA: three layers, **with random weights**. The folder of `openai/clip-vit-large-patch14-336` loads the same way.

// %%
import { either as E } from 'fp-ts'
import { parseHTML } from 'linkedom'
import { readFileSync, writeFileSync } from 'node:fs'
import * as Plot from '@observablehq/plot'
import {
  constant,
  decodePicture,
  describe,
  files,
  inputOf,
  labels,
  openTensorFile,
  openWeights,
  parameters,
  pipe,
  replace,
  run,
  tap,
  type AnyTensor,
  type SluiceError,
  type Value,
} from 'sluice'
import { clip, clipPicture, type ClipConfig } from 'sluice/models'
import { einsum, rearrange, scale, softmax } from 'sluice/ops'

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
// ## The folder
// `clip` is a function of sizes. They come from the file, so tsc does not know them: `inputOf` takes them, and the build checks them.

// %%
const folder = 'examples/data/tiny-mg-llava/clip'
const file = JSON.parse(readFileSync(`${folder}/config.json`, 'utf8'))
const config: ClipConfig = {
  width: file.hidden_size,
  heads: file.num_attention_heads,
  headWidth: file.hidden_size / file.num_attention_heads,
  mlpWidth: file.intermediate_size,
  layers: file.num_hidden_layers,
  select: -1,
  patch: file.patch_size,
  eps: file.layer_norm_eps,
  activation: file.hidden_act,
}
const side: number = file.image_size
const tower = clip(config)(inputOf('image', [3, side, side]))
console.log(describe(tower, { depth: 3 }))
// =>                                    shape        parameters                             elements             FLOP
// => model                              [16, 32]                                             48.21 k      1.712 MFLOP
// => ├─ image                           [3, 56, 56]  input
// => └─ vision_model                    [16, 32]                                             48.21 k      1.712 MFLOP
// =>    ├─ embeddings                   [17, 32]                                             19.39 k      602.7 kFLOP
// =>    │  ├─ rearrange, broadcastTo    [1, 32]      class_embedding [32]
// =>    │  ├─ patch_embedding           [32, 4, 4]   weight [32, 3, 14, 14]                  18.82 k      602.1 kFLOP
// =>    │  └─ rearrange, concat, add    [17, 32]     position_embedding.weight [17, 32]                      544 FLOP
// =>    ├─ pre_layrnorm                 [17, 32]     weight [32], bias [32]                       64      4.352 kFLOP
// =>    ├─ encoder                      [17, 32]                                             28.75 k      1.105 MFLOP
// =>    │  └─ layers.0 … layers.2: 3 x  [17, 32]                                         3 x 9.584 k  3 x 368.3 kFLOP
// =>    └─ slice                        [16, 32]

// %% [markdown]
// The names of parameters are the published ones, so weights are found by name. Opening the file reads none of them. Two of the file are for a
// whole CLIP: they belong to the pooled class token, which a language model does not read.

// %%
const weights = get(await openWeights(files.within(folder))()).tensors
const used = new Set(parameters(tower).map(({ name }) => name))
console.log(
  [...used].filter(name => !weights.has(name)),
  [...weights.keys()].filter(name => !used.has(name)),
)
// => [] [
// =>   'vision_model.post_layernorm.bias',
// =>   'vision_model.post_layernorm.weight'
// => ]

// %% [markdown]
// ## A picture
// CLIP's own preprocessing is pillow's arithmetic, number for number.

// %%
const photo = readFileSync('examples/data/tiny-mg-llava/street.png')
const picture = get(await decodePicture(photo, 'street.png')())
const image = clipPicture({ shortestEdge: side, crop: side })(picture)
const tokens = get(await run(tower, { image }, { weights })())
console.log(picture.width, 'x', picture.height, '->', tokens.shape)
// => 173 x 110 -> [ 16, 32 ]

// %% [markdown]
// Does it compute what it should? The folder has the values that PyTorch computed in float64 for its own view of the picture; here is the hidden state
// after the second layer, which a language model reads. `tap` makes a model of it: less is computed, and nothing else changes.

// %%
const expected = get(await openTensorFile(files.within('examples/data/tiny-mg-llava'), 'expected.safetensors')())
const valueOf = async (name: string) => get(await expected.tensors.get(`0/${name}`)!.read())
const wanted = await valueOf('clip/hidden_2')
const state = get(await run(tap(tower, 'layers.1'), { image: await valueOf('pixel_values') }, { weights })())
const apart = Math.max(...state.data.map((x, i) => Math.abs(x - wanted[i]!)))
console.log(state.shape, apart < 1e-5 ? 'the same' : `off by ${apart}`)
// => [ 17, 32 ] the same

// %% [markdown]
// ## Hidden states
// Every block labels what it returns, so every hidden state has a name. A record of taps is one model with several outputs.

// %%
console.log(labels(tower).filter(name => name.includes('layers.1')))
// => [
// =>   'vision_model.encoder.layers.1.layer_norm1',
// =>   'vision_model.encoder.layers.1.self_attn.q_proj',
// =>   'vision_model.encoder.layers.1.self_attn.k_proj',
// =>   'vision_model.encoder.layers.1.self_attn.v_proj',
// =>   'vision_model.encoder.layers.1.self_attn.out_proj',
// =>   'vision_model.encoder.layers.1.self_attn',
// =>   'vision_model.encoder.layers.1.layer_norm2',
// =>   'vision_model.encoder.layers.1.mlp.fc1',
// =>   'vision_model.encoder.layers.1.mlp.fc2',
// =>   'vision_model.encoder.layers.1.mlp',
// =>   'vision_model.encoder.layers.1'
// => ]
const depth = Array.from({ length: config.layers }, (_, i) => i)
const states = {
  start: tap(tower, 'pre_layrnorm'),
  ...Object.fromEntries(depth.map(i => [`layer ${i}`, tap(tower, `layers.${i}`)])),
}
const values = get(await run(states, { image }, { weights })())
const lengths = Object.entries<Value>(values).flatMap(([at, { data }]) =>
  Array.from({ length: data.length / 32 }, (_, token) => ({
    at,
    token,
    length: Math.hypot(...data.slice(32 * token, 32 * (token + 1))),
  })),
)
show('clip-lengths', {
  height: 260,
  x: { label: null, domain: Object.keys(values) },
  y: { label: 'length of a token', grid: true, zero: true },
  marks: [
    Plot.line(lengths, {
      x: 'at',
      y: 'length',
      z: 'token',
      stroke: d => (d.token === 0 ? '#d62728' : '#4269d0'),
      strokeOpacity: 0.6,
    }),
    Plot.text(lengths.filter(d => d.token === 0).slice(-1), {
      x: 'at',
      y: 'length',
      text: () => 'class token',
      dx: 6,
      textAnchor: 'start',
    }),
  ],
  marginRight: 70,
})
// => out/clip-lengths.svg

// %% [markdown]
// ## Attention
// Attention gives what it found, not where it looked. Its weights are an expression of the queries and keys, which have names: a softmax of their
// products. Here is where the class token looks, in every head of every layer.

// %%
const heads = (name: string) => rearrange('n (h d) -> h n d', { h: config.heads })(tap(tower, name))
const attentionOf = (layer: number) => {
  const [q, k] = [heads(`layers.${layer}.self_attn.q_proj`), heads(`layers.${layer}.self_attn.k_proj`)]
  return pipe(einsum('h n d, h m d -> h n m')(q, k), scale(config.headWidth ** -0.5), softmax)
}
const attention = get(await run(Object.fromEntries(depth.map(i => [i, attentionOf(i)])), { image }, { weights })())
const grid = side / config.patch
const count = grid ** 2 + 1
const looks = depth.flatMap(layer =>
  Array.from({ length: config.heads }, (_, head) =>
    Array.from({ length: grid ** 2 }, (_, i) => ({
      layer: `layer ${layer}`,
      head: `head ${head}`,
      x: i % grid,
      y: Math.floor(i / grid),
      share: attention[layer]!.data[head * count ** 2 + 1 + i]!,
    })),
  ).flat(),
)
const source = `data:image/png;base64,${photo.toString('base64')}`
show('clip-attention', {
  width: 608,
  height: 446,
  axis: null,
  fx: { axis: 'top', label: null, domain: [...new Set(looks.map(d => d.head))] },
  fy: { axis: 'left', label: null },
  margin: 6,
  marginTop: 26,
  marginLeft: 50,
  x: { domain: [0, grid] },
  y: { domain: [0, grid], reverse: true },
  color: { scheme: 'YlOrRd' },
  marks: [
    // cut to its middle square, as the tower sees it
    Plot.image([{}], {
      x: grid / 2,
      y: grid / 2,
      width: 128,
      height: 128,
      src: () => source,
      preserveAspectRatio: 'xMidYMid slice',
    }),
    Plot.rect(looks, {
      x1: 'x',
      x2: d => d.x + 1,
      y1: 'y',
      y2: d => d.y + 1,
      fx: 'head',
      fy: 'layer',
      fill: 'share',
      fillOpacity: 0.5,
    }),
    Plot.text(looks, {
      x: d => d.x + 0.5,
      y: d => d.y + 0.5,
      fx: 'head',
      fy: 'layer',
      text: d => d.share.toFixed(2),
      fontSize: 8,
    }),
  ],
})
// => out/clip-attention.svg

// %% [markdown]
// ## An experiment
// What does each part do? `replace` builds the tower again without it: a block that adds to its input is gone when it gives 0. All seven towers run as
// one program, and what they share is computed once.

// %%
const parts = depth.flatMap(i => [`layers.${i}.self_attn`, `layers.${i}.mlp`])
const towers: Record<string, AnyTensor> = { whole: tower }
for (const part of parts) towers[part] = pipe(tower, replace(part, constant(0)))
const results = get(await run(towers, { image }, { weights })())
const changes = parts.map(part => {
  const moved = results[part]!.data.map((x, i) => x - results.whole!.data[i]!)
  return { part, change: Math.hypot(...moved) / Math.hypot(...results.whole!.data) }
})
for (const { part, change } of changes) console.log(part.padEnd(19), change.toFixed(2))
// => layers.0.self_attn  0.67
// => layers.0.mlp        0.56
// => layers.1.self_attn  0.57
// => layers.1.mlp        0.39
// => layers.2.self_attn  0.54
// => layers.2.mlp        0.31
show('clip-without', {
  height: 200,
  marginLeft: 110,
  x: { label: 'change of the tokens without it, as a share of their length', grid: true },
  y: { label: null, domain: parts },
  marks: [Plot.barX(changes, { x: 'change', y: 'part', fill: '#4269d0' }), Plot.ruleX([0])],
})
// => out/clip-without.svg
