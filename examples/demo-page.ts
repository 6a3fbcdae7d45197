/**
 * The demo's result as one page of HTML that needs nothing else: fresh scenes and what was answered about them, what the model is, where
 * the time went, a kernel to read, and how a model agrees with the reference.
 */
import type { Profile } from 'sluice'
import { boxedPicture, escaped, table } from './html.ts'
import type { Stages } from './stages.ts'

export interface DemoPage {
  readonly adapter: string
  /** HTML of the fresh scenes */
  readonly scenes: string
  readonly tree: string
  /** SVG of the graph */
  readonly graph: string
  readonly passes: Profile['passes']
  readonly kernel: { readonly name: string; readonly wgsl: string }
  readonly stages: Stages
  readonly story: { readonly prompt: string; readonly continued: string }
}

const rate = (amount: number, milliseconds: number): string =>
  milliseconds === 0 ? '' : (amount / milliseconds / 1e6).toPrecision(3)

const style = `
  :root { color-scheme: light dark; --line: #8884; --soft: #8881 }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem }
  h1, h2 { line-height: 1.2; font-weight: 600 } h2 { margin-top: 2.5rem }
  .boxed { width: 100%; max-width: 44rem; border-radius: 6px } .boxed text { font: 600 12px system-ui; paint-order: stroke; stroke: #000a; stroke-width: 3px }
  .scene { display: flex; flex-wrap: wrap; gap: 0 1.5rem; margin: 1.5rem 0 } .scene .boxed { width: 24rem; flex: none; align-self: start }
  blockquote { margin: 1rem 0; padding: .6rem 1rem; border-left: 3px solid var(--line); background: var(--soft); white-space: pre-wrap }
  pre { overflow: auto; padding: 1rem; background: var(--soft); border-radius: 6px; font: 12px/1.45 ui-monospace, monospace }
  table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }
  td, th { padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
  .graph { overflow: auto; background: #fff; border-radius: 6px; padding: 1rem } .graph svg { max-width: none; height: auto }
  details > summary { cursor: pointer; margin: .5rem 0 }
  small { opacity: .75 }`

export const demoPage = (page: DemoPage): string => {
  const { passes, kernel, stages, story } = page
  const { agreement, limit } = stages
  const worst = Math.max(...agreement.map(({ apart }) => apart))
  const times = [...passes].sort((a, b) => b.milliseconds - a.milliseconds)
  const total = passes.reduce((sum, { milliseconds }) => sum + milliseconds, 0)
  const sections = [
    '<h1>MG-LLaVA in Sluice</h1>',
    `<p>A whole MG-LLaVA (two vision towers, Conv-Gate fusion, boxes, projectors, splice, language model) as WGSL compute passes on <b>${escaped(page.adapter)}</b>.</p>`,
    page.scenes,
    '<h2>The graph</h2>',
    `<div class="graph">${page.graph.slice(page.graph.indexOf('<svg'))}</div>`,
    `<details><summary>as a tree, with parameters and FLOP</summary><pre>${escaped(page.tree)}</pre></details>`,
    '<h2>The passes</h2>',
    `<p>${passes.length} passes, ${total.toFixed(1)} ms.</p>`,
    `<details><summary>all passes, slowest first</summary>${table(
      ['pass', 'block', 'ms', 'GFLOP/s', 'GB/s'],
      times.map(({ label, path, milliseconds, flops, bytes }) => [
        label,
        path,
        milliseconds.toFixed(3),
        rate(flops, milliseconds),
        rate(bytes, milliseconds),
      ]),
    )}</details>`,
    `<h2>A kernel: ${escaped(kernel.name)}</h2>`,
    `<pre>${escaped(kernel.wgsl)}</pre>`,
    '<h2>Agreement with the reference</h2>',
    `<p>Another MG-LLaVA, a folder of a megabyte whose <b>weights are random</b>, and a drawn picture, stage by stage, against values that PyTorch computed in float64: the largest difference in standard deviations of the stage. The worst is ${worst.toExponential(1)}, the limit ${limit.toExponential(0)}.</p>`,
    table(
      ['stage', 'shape', 'apart'],
      agreement.map(({ stage, shape, apart }) => [stage, shape.join(' × '), apart.toExponential(1)]),
    ),
    '<p>A photograph goes the same way; random weights have nothing to say about it.</p>',
    boxedPicture(stages.photo, 'a photograph with its boxes'),
    '<p><small>Photograph: <a href="https://www.flickr.com/photo.gne?id=8195678412">https://www.flickr.com/photo.gne?id=8195678412</a>, CC BY 2.0. Boxes: COCO Consortium, CC BY 4.0.</small></p>',
    `<blockquote><b>${escaped(stages.question)}</b>\n${escaped(stages.answer)}</blockquote>`,
    `<p>Its gate is ${stages.gate.toFixed(4)}.</p>`,
    '<h2>A language model alone</h2>',
    '<p>stories260K, a Llama of 260 thousand trained weights, through the same code as the language model above:</p>',
    `<blockquote><b>${escaped(story.prompt)}</b>${escaped(story.continued)}</blockquote>`,
  ]
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    `<title>MG-LLaVA in Sluice</title><style>${style}\n</style></head><body>`,
    ...sections,
    '</body></html>',
    '',
  ].join('\n')
}
