/** A notebook as a page of HTML and as a notebook of Jupyter: nothing is lost on the way, and the page needs nothing else. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parseHTML } from 'linkedom'
import { beforeAll, describe, expect, it } from 'vitest'
import { cellsOf, titleOf } from '../examples/cells.ts'
import { declarations, jupyterNotebook } from '../examples/jupyter.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'out/examples')
const notebooks = readdirSync(join(root, 'examples')).filter(file => file.endsWith('.nb.ts'))
const sourceOf = (file: string): string => readFileSync(join(root, 'examples', file), 'utf8')
const parts = (source: string, heading: string): number => source.split('\n').filter(line => line === heading).length

describe('the page of a notebook with pictures', () => {
  const file = '07-inside-clip.nb.ts'
  const source = sourceOf(file)
  let said: string
  let text: string
  let page: ReturnType<typeof parseHTML>['document']
  beforeAll(async () => {
    rmSync(join(folder, '07-inside-clip.html'), { force: true })
    const args = ['--import', 'tsx', '--conditions=sluice-source', join(root, 'examples/render.ts'), '07']
    said = (await promisify(execFile)(process.execPath, args, { cwd: root })).stdout
    text = readFileSync(join(folder, '07-inside-clip.html'), 'utf8')
    page = parseHTML(text).document
  })
  const all = (selector: string) => [...page.querySelectorAll(selector)]

  it('says where it is', () => expect(said).toMatch(/^file:.*out\/examples\/07-inside-clip\.html\n$/))
  it('has every cell, with its title and headings', () => {
    expect(page.title).toBe('Inside a CLIP · Sluice')
    expect(all('section').length).toBe(parts(source, '// %%'))
    expect(all('h2').map(h => h.textContent)).toEqual(source.match(/(?<=^\/\/ ## ).*$/gm))
  })
  it('has all of its code, highlighted, and all that it printed, apart', () => {
    const code = all('section > .shiki').map(block => block.textContent)
    expect(code.join('\n')).toContain("const tower = clip(config)(inputOf('image', [3, side, side]))")
    expect(code.join('\n')).not.toContain('// =>')
    expect(all('section > .shiki span[style]').length).toBeGreaterThan(100)
    expect(all('.printed').map(block => block.textContent)).toContain('[ 17, 32 ] the same')
  })
  it('has its pictures in it', () => {
    const pictures = all('figure > svg')
    expect(all('figure').map(figure => figure.getAttribute('aria-label'))).toEqual([
      'clip-lengths.svg',
      'clip-attention.svg',
      'clip-without.svg',
    ])
    expect(pictures.map(svg => svg.querySelectorAll('path, rect, image').length > 3)).toEqual([true, true, true])
    expect(text).toContain('data:image/png;base64,')
  })
  it('needs no other file', () => {
    expect(text).not.toMatch(/<(script|link|iframe)|(src|href)="(?!data:|[\w-]+\.html")|url\(|@import/)
  })
  it('is one of a list', () => {
    const list = parseHTML(readFileSync(join(folder, 'index.html'), 'utf8')).document
    const hrefs = [...list.querySelectorAll('li > a')].map(a => a.getAttribute('href'))
    expect(hrefs).toEqual(notebooks.sort().map(name => name.replace('.nb.ts', '.html')))
  })
})

describe.each(notebooks)('%s', file => {
  const source = sourceOf(file)
  const cells = cellsOf(source, join(root, 'nowhere'))

  it('gives its cells back', () => {
    const markdown = cells.flatMap(cell => ('markdown' in cell ? [cell.markdown] : []))
    const steps = cells.flatMap(cell => ('steps' in cell ? cell.steps : []))
    const stated = source.match(/^\/\/ =>.*$/gm)?.length ?? 0
    const printed = steps.flatMap(({ outputs }) => outputs.flatMap(o => ('text' in o ? o.text.split('\n') : [])))
    expect(titleOf(cells)).toBe(/^\/\/ # (.*)$/m.exec(source)?.[1])
    expect([markdown.length, cells.length - markdown.length]).toEqual([
      parts(source, '// %% [markdown]'),
      parts(source, '// %%'),
    ])
    expect(printed.length).toBe(stated)
  })
  it('is a notebook of Jupyter, which imports what is declared for it', () => {
    const made = JSON.parse(jupyterNotebook(cells))
    expect(made).toMatchObject({ nbformat: 4, nbformat_minor: 5, metadata: { kernelspec: { name: 'tslab' } } })
    expect(made.cells.map((cell: { id: string }) => cell.id)).toEqual(cells.map((_, i) => `cell-${i}`))
    const code = made.cells.filter((cell: { cell_type: string }) => cell.cell_type === 'code')
    const text: string = code.map((cell: { source: string[] }) => cell.source.join('')).join('\n')
    expect(text).toMatch(/^process\.chdir\('\.\.\/\.\.'\)\n/)
    expect(text).not.toMatch(/\/\/ =>|@ts-expect-error/)
    expect(code.some((cell: { outputs: unknown[] }) => cell.outputs.length > 0)).toBe(true)
    const declared = declarations([source])
    for (const [, list = '', from] of source.matchAll(/^import \{([^}]*)\} from '(sluice.*)'$/gm))
      for (const name of list.split(',').map(one => one.replace('type ', '').trim()))
        if (name !== '')
          expect(declared.split(`declare module '${from}'`)[1]).toMatch(new RegExp(`(const|type) ${name}\\b`))
  })
})
