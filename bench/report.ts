/**
 * What a bench found, as data: a section with tables and pictures. A bench prints its sections as Markdown; `npm run bench` runs all benches, asks
 * each for its sections through a file, and puts them on one page of HTML that needs nothing else.
 */
import { writeFileSync } from 'node:fs'

export interface Table {
  readonly caption: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}
export interface Section {
  readonly title: string
  /** the command that measures it again */
  readonly command: string
  /** what is measured and how, a sentence each */
  readonly says: readonly string[]
  readonly tables: readonly Table[]
  /** SVG */
  readonly pictures?: readonly string[]
  /** the figures themselves, for programs */
  readonly data?: unknown
}
/** What was printed by a bench that gives no section. */
export interface Printed {
  readonly title: string
  readonly command: string
  readonly text: string
}

const isNumber = (cell: string): boolean => /^[-–]?[\d.]/.test(cell)
/** A table as Markdown that is read as well in a terminal; columns of numbers are flush right. */
export const textOf = ({ caption, head, rows }: Table): string => {
  const lines = [head, ...rows]
  const right = head.map((_, k) => rows.some(row => isNumber(row[k] ?? '')) && k > 0)
  const widths = head.map((_, k) => Math.max(3, ...lines.map(line => (line[k] ?? '').length)))
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const padded = (cells: readonly string[]): string =>
    line(widths.map((width, k) => (cells[k] ?? '')[right[k] === true ? 'padStart' : 'padEnd'](width)))
  const rule = line(widths.map((width, k) => (right[k] === true ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))))
  return [`${caption}:`, '', padded(head), rule, ...rows.map(padded)].join('\n')
}

/** Where `npm run bench` wants a section to be left. */
export const sectionFile = 'SLUICE_BENCH_SECTION'
/** Prints a section, and leaves it for `npm run bench` where that asked. */
export const emit = (section: Section): void => {
  const { title, says, tables } = section
  console.log([`## ${title}`, ...says, ...tables.map(textOf)].join('\n\n'))
  const file = process.env[sectionFile]
  if (file !== undefined) writeFileSync(file, JSON.stringify(section))
}
/** A line about how far it is: not part of what was found. */
export const progress = (line: string): void => {
  process.stderr.write(`  ${line}\n`)
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
const tableOf = ({ caption, head, rows }: Table): string => {
  const cell = (tag: string, text: string): string =>
    `<${tag}${isNumber(text) ? ' class="number"' : ''}>${escaped(text)}</${tag}>`
  const row = (tag: string, cells: readonly string[]): string => `<tr>${cells.map(c => cell(tag, c)).join('')}</tr>`
  const body = rows.map(cells => row('td', cells)).join('\n')
  return `<table><caption>${escaped(caption)}</caption>\n${row('th', head)}\n${body}\n</table>`
}
const sectionOf = (section: Section | Printed): string => {
  const start = `<h2>${escaped(section.title)}</h2>\n<p><code>${escaped(section.command)}</code></p>`
  if ('text' in section) return `${start}\n<pre>${escaped(section.text)}</pre>`
  const says = section.says.map(text => `<p>${escaped(text)}</p>`)
  const pictures = (section.pictures ?? []).map(svg => `<figure>${svg}</figure>`)
  return [start, ...says, ...section.tables.map(tableOf), ...pictures].join('\n')
}

const style = `
  :root { color-scheme: light dark; --line: #8884; --soft: #8881 }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem }
  h1, h2 { line-height: 1.2; font-weight: 600 } h2 { margin-top: 2.5rem }
  pre { overflow: auto; padding: 1rem; background: var(--soft); border-radius: 6px; font: 12px/1.45 ui-monospace, monospace }
  table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; margin: 1rem 0 }
  caption { text-align: left; font-weight: 600; padding-bottom: .3rem }
  td, th { padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); text-align: left } .number { text-align: right }
  figure { margin: 1rem 0; padding: 1rem; background: #fff; color: #000; border-radius: 6px; overflow: auto }`

/** All sections on one page. `facts` are the machine and the versions. */
export const page = (
  facts: Readonly<Record<string, string>>,
  sections: readonly (Section | Printed)[],
): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sluice, measured</title>
<style>${style}
</style>
</head>
<body>
<h1>Sluice, measured</h1>
${tableOf({ caption: 'Where and with what', head: ['', ''], rows: Object.entries(facts) })}
${sections.map(sectionOf).join('\n')}
</body>
</html>
`
