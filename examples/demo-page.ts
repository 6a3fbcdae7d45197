/**
 * The demo's result as one page of HTML that needs nothing else: the picture and the boxes on it, what the model is and said, how it
 * agrees with the reference, where the time went, and a kernel to read.
 */
import type { Profile } from 'sluice'

/** How far a stage is from the reference. */
export interface Agreement {
  readonly stage: string
  readonly shape: readonly number[]
  /** the largest difference, in standard deviations of the stage */
  readonly apart: number
}
export interface DemoPage {
  readonly photo: {
    readonly base64: string
    readonly width: number
    readonly height: number
    readonly boxes: readonly { readonly corners: readonly number[]; readonly label: string }[]
    readonly source: string
    readonly licence: string
  }
  readonly question: string
  readonly answer: string
  readonly gate: number
  readonly adapter: string
  readonly tree: string
  /** SVG of the graph */
  readonly graph: string
  readonly agreement: readonly Agreement[]
  readonly limit: number
  readonly passes: Profile['passes']
  readonly kernel: { readonly name: string; readonly wgsl: string }
  readonly story: { readonly prompt: string; readonly continued: string }
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
/** The same label, the same colour. */
const hue = (label: string): number => [...label].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7)

const overlay = ({ photo }: DemoPage): string => {
  const { width, height } = photo
  const marks = photo.boxes.map(({ corners: [left = 0, top = 0, right = 0, bottom = 0], label }) => {
    const colour = `hsl(${hue(label)} 90% 60%)`
    const [w, h] = [right - left, bottom - top]
    const box = `<rect x="${left}" y="${top}" width="${w}" height="${h}" fill="none" stroke="${colour}" stroke-width="2"/>`
    return `${box}<text x="${left + 3}" y="${top + 14}" fill="${colour}">${escaped(label)}</text>`
  })
  return [
    `<svg class="photo" viewBox="0 0 ${width} ${height}" role="img" aria-label="the photograph with its boxes">`,
    `<image href="data:image/jpeg;base64,${photo.base64}" width="${width}" height="${height}"/>`,
    ...marks,
    '</svg>',
  ].join('\n')
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const cells = (tag: string, row: readonly string[]): string =>
    `<tr>${row.map(cell => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`
  return `<table>\n${[cells('th', head), ...rows.map(row => cells('td', row))].join('\n')}\n</table>`
}
const rate = (amount: number, milliseconds: number): string =>
  milliseconds === 0 ? '' : (amount / milliseconds / 1e6).toPrecision(3)

const style = `
  :root { color-scheme: light dark; --line: #8884; --soft: #8881 }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem }
  h1, h2 { line-height: 1.2; font-weight: 600 } h2 { margin-top: 2.5rem }
  .photo { width: 100%; max-width: 44rem; border-radius: 6px } .photo text { font: 600 13px system-ui; paint-order: stroke; stroke: #000a; stroke-width: 3px }
  blockquote { margin: 1rem 0; padding: .6rem 1rem; border-left: 3px solid var(--line); background: var(--soft); white-space: pre-wrap }
  pre { overflow: auto; padding: 1rem; background: var(--soft); border-radius: 6px; font: 12px/1.45 ui-monospace, monospace }
  table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }
  td, th { padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
  .graph { overflow: auto; background: #fff; border-radius: 6px; padding: 1rem } .graph svg { max-width: none; height: auto }
  details > summary { cursor: pointer; margin: .5rem 0 }
  small { opacity: .75 }`

export const demoPage = (page: DemoPage): string => {
  const { photo, passes, agreement, kernel, story, limit } = page
  const worst = Math.max(...agreement.map(({ apart }) => apart))
  const times = [...passes].sort((a, b) => b.milliseconds - a.milliseconds)
  const total = passes.reduce((sum, { milliseconds }) => sum + milliseconds, 0)
  const sections = [
    '<h1>MG-LLaVA in Sluice</h1>',
    `<p>A whole MG-LLaVA (two vision towers, Conv-Gate fusion, boxes, projectors, splice, language model) as WGSL compute passes on <b>${escaped(page.adapter)}</b>. <b>Its weights are random</b>: it shows that every stage runs and agrees with the reference, not that it can answer.</p>`,
    overlay(page),
    `<p><small>Photograph: <a href="${photo.source}">${photo.source}</a>, ${escaped(photo.licence)}. Boxes: COCO Consortium, CC BY 4.0.</small></p>`,
    `<blockquote><b>${escaped(page.question)}</b>\n${escaped(page.answer)}</blockquote>`,
    `<p>The gate, which says how far the high-resolution view is let in, is <b>${page.gate.toFixed(4)}</b> for this photograph.</p>`,
    '<h2>Agreement with the reference</h2>',
    `<p>The same folder and a drawn picture, stage by stage, against values that PyTorch computed in float64: the largest difference in standard deviations of the stage. The worst is ${worst.toExponential(1)}, the limit ${limit.toExponential(0)}.</p>`,
    table(
      ['stage', 'shape', 'apart'],
      agreement.map(({ stage, shape, apart }) => [stage, shape.join(' × '), apart.toExponential(1)]),
    ),
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
    '<h2>Real weights</h2>',
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
