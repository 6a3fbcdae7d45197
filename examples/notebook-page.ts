/**
 * A notebook as one page of HTML that needs nothing else: prose, highlighted code, what every statement printed below it, pictures in
 * their place. For a light and a dark screen, and for paper.
 */
import markdownIt from 'markdown-it'
import { createHighlighter } from 'shiki'
import { titleOf, type Cell, type Output, type Step } from './cells.ts'
import { escaped } from './html.ts'

const markdown = markdownIt({ html: false, linkify: false })
const themes = { light: 'github-light', dark: 'github-dark' } as const
const highlighter = await createHighlighter({ themes: Object.values(themes), langs: ['typescript', 'wgsl'] })
const highlighted = (code: string, lang: 'typescript' | 'wgsl'): string =>
  highlighter.codeToHtml(code, { lang, themes })

const isWgsl = (text: string): boolean => text.includes('@compute')
const printed = (output: Output): string => {
  if ('svg' in output) return `<figure role="img" aria-label="${escaped(output.file)}">${output.svg}</figure>`
  return isWgsl(output.text)
    ? `<div class="printed">${highlighted(output.text, 'wgsl')}</div>`
    : `<pre class="printed">${escaped(output.text)}</pre>`
}
const step = ({ code, outputs }: Step): string =>
  `${code === '' ? '' : highlighted(code, 'typescript')}${outputs.map(printed).join('')}`
const section = (cell: Cell): string =>
  'markdown' in cell ? markdown.render(cell.markdown) : `<section>${cell.steps.map(step).join('\n')}</section>`

const style = `
  :root { color-scheme: light dark; --line: #8884; --soft: #8881 }
  body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
  h1, h2 { line-height: 1.2; font-weight: 600 } h2 { margin-top: 2.5rem }
  nav { display: flex; gap: 1.5rem; font-size: 14px }
  section { margin: 1rem 0; border: 1px solid var(--line); border-radius: 6px; overflow: hidden }
  pre { margin: 0; padding: .7rem 1rem; overflow: auto; font: 13px/1.5 ui-monospace, monospace }
  .printed { background: var(--soft); border-top: 1px solid var(--line) } .printed .shiki { background: none !important }
  pre.printed + .shiki, div.printed + .shiki, figure + .shiki { border-top: 1px solid var(--line) }
  figure { margin: 0; padding: 1rem; background: #fff; color: #000; border-top: 1px solid var(--line); overflow: auto }
  figure > svg { max-width: 100%; height: auto }
  @media (prefers-color-scheme: dark) { .shiki, .shiki span { color: var(--shiki-dark) !important; background-color: var(--shiki-dark-bg) !important } }
  @media print { section { break-inside: avoid } }`

const document = (title: string, body: readonly string[]): string =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>${style}
</style>
</head>
<body>
${body.join('\n')}
</body>
</html>
`

/** Another page beside this one. */
export interface Link {
  readonly file: string
  readonly title: string
}
const link = ({ file, title }: Link, before = '', after = ''): string =>
  `<a href="${escaped(file)}">${before}${escaped(title)}${after}</a>`

export interface Neighbours {
  readonly previous?: Link | undefined
  readonly next?: Link | undefined
}
/** The page of a notebook. */
export const notebookPage = (cells: readonly Cell[], { previous, next }: Neighbours = {}): string => {
  const links = [
    link({ file: 'index.html', title: 'Examples' }),
    ...(previous === undefined ? [] : [link(previous, '← ')]),
    ...(next === undefined ? [] : [link(next, '', ' →')]),
  ]
  return document(`${titleOf(cells)} · Sluice`, [`<nav>${links.join('')}</nav>`, ...cells.map(section)])
}
/** The page that lists them. */
export const indexPage = (links: readonly Link[]): string =>
  document('Examples · Sluice', [
    '<h1>Examples</h1>',
    `<ol>${links.map(one => `<li>${link(one)}</li>`).join('\n')}</ol>`,
  ])
