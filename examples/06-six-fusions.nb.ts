// %% [markdown]
// # Six fusions on one picture
// A fusion takes what two vision towers see and gives tokens. Here six are composed, counted in the size of the paper, and run side by side on
// one picture in a model of a megabyte, **whose weights are random**: what follows shows how to look, not what a trained model sees.

// %%
import { either as E } from 'fp-ts'
import { parseHTML } from 'linkedom'
import { readFileSync, writeFileSync } from 'node:fs'
import * as Plot from '@observablehq/plot'
import {
  count,
  flow,
  labels,
  named,
  pipe,
  run,
  tap,
  type AnyTensor,
  type SluiceError,
  type Tensor,
  type Value,
} from 'sluice'
import { add, einsum, linear, rearrange, scale, sigmoid, softmax } from 'sluice/ops'
import {
  align,
  ask,
  channelConcat,
  convGate,
  fastMlp,
  fusion,
  gatedConcat,
  load,
  mapAsksBoxes,
  mgLlava,
  mgLlavaVicuna7b,
  patchInfoMining,
  scaleBy,
  side,
  type MgParts,
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
// Five were published; the sixth is a gate for each token.

// %%
const tokenGate = fusion(
  flow(align, v => add(v.low, scaleBy(v.high, pipe(side(v), linear('token_gate', 1), sigmoid, named('g'))))),
)
const six: Readonly<Record<string, MgParts['fusion']>> = {
  'Conv-Gate': convGate,
  'gated concat': gatedConcat,
  'channel concat': channelConcat,
  'fast MLP': fastMlp,
  'patch mining': patchInfoMining,
  'token gate': tokenGate,
}

// %% [markdown]
// ## What they cost
// In the size of the paper: CLIP ViT-L at 336, ConvNeXt-L at 768, Vicuna 7B. The fusion decides how wide its tokens are, and with them the projector.

// %%
const sizes = { before: 35, boxes: 20, after: 20 }
const costs = Object.entries(six).map(([name, fuse]) => {
  const model = mgLlava({ ...mgLlavaVicuna7b, fusion: fuse })
  const { blocks } = count(model, { depth: 1, sizes })
  const of = (block: string) => blocks.find(found => found.name === block)
  const [own, projector] = [of('fuse_module'), of('projector')]
  const gflop = (block: typeof own): number => Number(block?.flops ?? 0) / 1e9
  return {
    name,
    tokens: tap(model, 'E_F').shape.join(' x '),
    fusion: gflop(own),
    projector: gflop(projector),
    parameters: (Number(own?.parameters ?? 0) + Number(projector?.parameters ?? 0)) / 1e6,
  }
})
for (const { name, tokens, fusion, projector, parameters } of costs)
  console.log(
    [
      name.padEnd(14),
      tokens.padEnd(10),
      `${fusion.toFixed(1)} + ${projector.toFixed(1)} GFLOP`.padStart(18),
      `${parameters.toFixed(1)} M`.padStart(7),
    ].join('  '),
  )
// => Conv-Gate       576 x 1024    5.8 + 24.2 GFLOP   27.1 M
// => gated concat    576 x 2048    5.8 + 29.0 GFLOP   31.3 M
// => channel concat  576 x 2560    0.0 + 31.4 GFLOP   27.3 M
// => fast MLP        576 x 1024    5.8 + 24.2 GFLOP   27.0 M
// => patch mining    576 x 1024   10.1 + 24.2 GFLOP   27.9 M
// => token gate      576 x 1024    5.8 + 24.2 GFLOP   26.0 M
show('fusion-cost', {
  marginLeft: 90,
  height: 220,
  marginRight: 90,
  x: { label: 'GFLOP for a picture: fusion (blue), projector (yellow)', grid: true },
  y: { label: null, domain: costs.map(({ name }) => name) },
  color: { domain: ['fusion', 'projector'], range: ['#4269d0', '#efb118'] },
  marks: [
    Plot.barX(
      costs.flatMap(({ name, fusion, projector }) => [
        { name, part: 'fusion', gflop: fusion },
        { name, part: 'projector', gflop: projector },
      ]),
      { x: 'gflop', y: 'name', fill: 'part' },
    ),
    Plot.text(costs, {
      x: d => d.fusion + d.projector,
      y: 'name',
      text: d => `${d.parameters.toFixed(1)} M weights`,
      textAnchor: 'start',
      dx: 4,
    }),
    Plot.ruleX([0]),
  ],
})
// => out/fusion-cost.svg

// %% [markdown]
// ## One picture
// The folder is laid out as published checkpoints are. Asking it a question with `stages` gives every value on the way, so also what its towers are
// shown: the picture in two sizes and the boxes.

// %%
const folder = 'examples/data/tiny-mg-llava'
const loaded = get(await load(folder)())
const question = {
  image: `${folder}/street.png`,
  boxes: `${folder}/street.boxes.json`,
  prompt: 'What is left of the red square?',
}
const { stages } = get(await ask(question, undefined, { stages: true, maxNewTokens: 1 })(loaded)())
const feeds = { image: stages.pixel_values!, detail: stages.pixel_values_aux!, boxes: stages.boxes! }
console.log(Object.entries(feeds).map(([name, { shape }]) => `${name} [${shape.join(', ')}]`))
// => [ 'image [3, 56, 56]', 'detail [3, 128, 128]', 'boxes [6, 4]' ]

// %% [markdown]
// All six become one program. Both towers are in it once, since equal parts of a graph are one. Weights that the folder lacks, those of mining and of
// the token gate, are initial ones, drawn from a seed.

// %%
if (!('convNext' in loaded.parts)) throw new Error(`${folder} has one tower`)
const parts = loaded.parts
const models: readonly (readonly [string, AnyTensor])[] = Object.entries(six).map(([name, fuse]) => [
  name,
  mgLlava({ ...parts, fusion: fuse }),
])
const gated = models.filter(([, model]) => labels(model).includes('fuse_module.g'))
const outputs: Readonly<Record<string, AnyTensor>> = {
  low: tap(models[0]![1], 'E_L'),
  ...Object.fromEntries(models.map(([name, model]) => [name, tap(model, 'E_F')])),
  ...Object.fromEntries(gated.map(([name, model]) => [`gate of ${name}`, tap(model, 'fuse_module.g')])),
}
const options = { weights: loaded.weights, allowInitial: true, seed: 1 }
const { image, detail, boxes } = feeds
const found = get(await run(outputs, { image, detail }, options)())

// %% [markdown]
// How far is the high-resolution view let in? Two of the six have no gate.

// %%
for (const [name] of gated) {
  const gates = Array.from(found[`gate of ${name}`]!.data, (g: number) => g.toFixed(2))
  console.log(name.padEnd(13), gates.join(' '))
}
// => Conv-Gate     0.32
// => gated concat  0.32
// => fast MLP      0.37
// => token gate    0.57 0.43 0.41 0.66 0.72 0.44 0.56 0.92 0.40 0.71 0.84 0.77 0.53 0.61 0.68 0.55

// %% [markdown]
// And how much of a token is new, that is, did not come from the low-resolution tower? For each of 4 x 4 tokens over the picture, the length of what was
// added or appended, as a share of it and of the length that was there. What the fast MLP makes of the low-resolution tokens counts as new too.

// %%
const [grid, cell] = [4, 32]
const photo = `data:image/png;base64,${readFileSync(question.image).toString('base64')}`
/** The picture as the towers see it, in the middle of a square of 128. */
const underneath = Plot.image([{}], { x: 64, y: 64, width: 128, src: () => photo, imageRendering: 'pixelated' })
const cells = (numbers: readonly number[], panel: string) =>
  numbers.map((number, i) => {
    const [x, y] = [(i % grid) * cell, Math.floor(i / grid) * cell]
    return { panel, number, x1: x, y1: y, x2: x + cell, y2: y + cell }
  })
const length = (numbers: readonly number[]): number => Math.hypot(...numbers)
const share = (part: number, rest: number): number => part / (part + rest)
const rowsOf = ({ data, shape }: Value): readonly (readonly number[])[] =>
  Array.from({ length: shape[0]! }, (_, i) => Array.from(data.slice(i * shape[1]!, (i + 1) * shape[1]!)))
const before = rowsOf(found.low!)
const news = models.flatMap(([name]) => {
  const shares = rowsOf(found[name]!).map((token, i) =>
    share(length(token.map((x, c) => x - (before[i]![c] ?? 0))), length(before[i]!)),
  )
  return cells(shares, name)
})
const panels = (data: ReturnType<typeof cells>, more: Plot.Markish[] = []): Plot.PlotOptions => ({
  width: 6 * 140,
  height: 190,
  margin: 6,
  marginTop: 26,
  axis: null,
  fx: { axis: 'top', label: null, domain: [...new Set(data.map(d => d.panel))] },
  x: { domain: [0, grid * cell] },
  y: { domain: [0, grid * cell], reverse: true },
  color: {
    scheme: 'YlOrRd',
    type: 'linear',
    domain: [Math.min(...data.map(d => d.number)), Math.max(...data.map(d => d.number))],
  },
  marks: [
    underneath,
    Plot.rect(data, { x1: 'x1', x2: 'x2', y1: 'y1', y2: 'y2', fx: 'panel', fill: 'number', fillOpacity: 0.5 }),
    Plot.text(data, {
      x: d => d.x1 + cell / 2,
      y: d => d.y1 + cell / 2,
      fx: 'panel',
      text: d => d.number.toFixed(2),
      fontSize: 8,
    }),
    ...more,
  ],
})
show('fusion-news', panels(news))
// => out/fusion-news.svg

// %% [markdown]
// ## Attention to boxes
// In another variant the tokens of the picture ask the objects in its boxes (F-to-B). `attention` gives no weights, but what it is made of can be
// found by name, and the weights are one more expression of it.

// %%
const asking = mgLlava({ ...parts, boxes: mapAsksBoxes })
const [queries, keys] = [tap(asking, 'vlm_uni_query_projector'), tap(asking, 'vlm_uni_key_projector')]
const scores = einsum('h n c, h m c -> h n m')(queries as Tensor<[1, 16, 32]>, keys as Tensor<[1, 'boxes', 32]>)
const weights = softmax(scale(32 ** -0.5)(scores))
const attention = get(await run(pipe(weights, rearrange('h n m -> h m n')), { image, detail, boxes }, options)())
console.log(weights.shape, attention.shape)
// => [ 1, 16, 'boxes' ] [ 1, 6, 16 ]

// %% [markdown]
// A panel for each box: the box, and how much every token of the picture looks at it.

// %%
const corners = rowsOf(boxes).map(([x1 = 0, y1 = 0, x2 = 0, y2 = 0], i) => ({ panel: `box ${i + 1}`, x1, y1, x2, y2 }))
const looks = corners.flatMap(({ panel }, i) => cells(Array.from(attention.data.slice(16 * i, 16 * i + 16)), panel))
const outline = { x1: 'x1', x2: 'x2', y1: 'y1', y2: 'y2', fx: 'panel', stroke: '#0050ff', strokeWidth: 2 } as const
show('box-attention', panels(looks, [Plot.rect(corners, outline)]))
// => out/box-attention.svg
