/**
 * A notebook as cells: prose, and code with what it printed where it printed it. A line of output that is the name of a picture under out/
 * stands for the picture; it is read here, so that a page needs no other file.
 */
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/** What a statement printed: lines of text, or a picture. */
export type Output = { readonly text: string } | { readonly svg: string; readonly file: string }
/** A stretch of code and what it printed. */
export interface Step {
  readonly code: string
  readonly outputs: readonly Output[]
}
export type Cell = { readonly markdown: string } | { readonly steps: readonly Step[] }

/** From the source of a notebook that states its output. `root` is where the names of pictures start. */
export const cellsOf = (source: string, root: string): readonly Cell[] =>
  source
    .split(/^(?=\/\/ %%)/m)
    .filter(cell => cell.trim() !== '')
    .map(cell => {
      const [head = '', ...lines] = cell.trimEnd().split('\n')
      return head.includes('[markdown]')
        ? { markdown: lines.map(line => line.replace(/^\/\/ ?/, '')).join('\n') }
        : { steps: stepsOf(lines, root) }
    })

/** The title of a notebook: its first heading. */
export const titleOf = (cells: readonly Cell[]): string => {
  const [first] = cells
  return (first !== undefined && 'markdown' in first && /^# (.*)$/m.exec(first.markdown)?.[1]) || 'Untitled'
}

const stated = /^\/\/ => ?/
const stepsOf = (lines: readonly string[], root: string): readonly Step[] => {
  const steps: { code: string[]; printed: string[] }[] = [{ code: [], printed: [] }]
  for (const line of lines) {
    const last = steps.at(-1)!
    if (stated.test(line)) last.printed.push(line.replace(stated, ''))
    else if (last.printed.length === 0) last.code.push(line)
    else steps.push({ code: [line], printed: [] })
  }
  return steps.map(({ code, printed }) => ({
    code: code.join('\n').replace(/^\n+|\s+$/g, ''),
    outputs: outputsOf(printed, root),
  }))
}
const isPicture = (line: string): boolean => /^out\/[\w-]+\.svg$/.test(line)
const outputsOf = (printed: readonly string[], root: string): readonly Output[] => {
  const outputs: Output[] = []
  let text: string[] = []
  const flush = (): void => {
    if (text.length > 0) outputs.push({ text: text.join('\n') })
    text = []
  }
  for (const line of printed) {
    const file = join(root, line)
    if (!isPicture(line) || !existsSync(file)) text.push(line)
    else {
      flush()
      outputs.push({ svg: readFileSync(file, 'utf8'), file: basename(line) })
    }
  }
  flush()
  return outputs
}
