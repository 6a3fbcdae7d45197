/**
 * Every page of the documentation is a program: its ```ts blocks, in order, in one module. All are type-checked; all are run but those
 * marked ```ts no-run, and what they print must be what the page states after `// =>`. Lines keep their numbers, so that an error in
 * line 40 of the program is in line 40 of the page.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { runNotebook } from '../examples/notebook.ts'
import { opsPage, opsPageFile } from '../examples/ops-page.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'out/docs')
const docs = readdirSync(join(root, 'docs'), { recursive: true }).map(file => join('docs', String(file)))
const pages = ['README.md', ...docs].filter(file => file.endsWith('.md') && existsSync(join(root, file)))

const isImport = /^import (.*) from '(.*)'$/
/** The program of a page, line for line: prose becomes empty lines, a block that is not run a function that is not called. */
const programOf = (page: string): string => {
  const imports: string[] = []
  let block: 'ts' | 'no-run' | undefined
  const lines = page.split('\n').map((line, k) => {
    if (block === undefined) {
      block = line === '```ts' ? 'ts' : line === '```ts no-run' ? 'no-run' : undefined
      return block === 'no-run' ? `export const block${k + 1} = async () => {` : ''
    }
    if (line === '```') {
      const end = block === 'no-run' ? '}' : ''
      block = undefined
      return end
    }
    if (!isImport.test(line)) return line
    imports.push(line)
    return ''
  })
  return [`${oneImportEach(imports)}; export {}; ${lines[0]}`, ...lines.slice(1)].join('\n')
}
/** Blocks that show a file of the project, ```ts ops/x.ts: all of it, or some lines of it. */
const shown = pages.flatMap(page => {
  const blocks = readFileSync(join(root, page), 'utf8').matchAll(/^```ts (\S+\.ts)\n(.*?)^```$/gms)
  return Array.from(blocks, ([, file = '', text = '']) => ({ page, file, text }))
})
/** Blocks that can be read on their own may import a name again. */
const oneImportEach = (imports: readonly string[]): string => {
  const seen = new Set<string>()
  const fresh = imports.flatMap(line => {
    const [, names = '', from = ''] = isImport.exec(line) ?? []
    if (!names.startsWith('{')) return seen.has(line) ? [] : (seen.add(line), [line])
    const listed = names
      .slice(1, -1)
      .split(',')
      .map(name => name.trim())
    const unseen = listed.filter(name => name !== '' && !seen.has(`${name} of ${from}`))
    unseen.forEach(name => seen.add(`${name} of ${from}`))
    return unseen.length === 0 ? [] : [`import { ${unseen.join(', ')} } from '${from}'`]
  })
  return fresh.join('; ')
}

const programs = pages
  .map(page => ({ page, text: programOf(readFileSync(join(root, page), 'utf8')) }))
  .filter(({ text }) =>
    text
      .split('\n')
      .slice(1)
      .some(line => line !== ''),
  )
  .map(({ page, text }) => ({ page, text, file: join(folder, `${page.replaceAll(/[/\\]/g, '.').slice(0, -3)}.ts`) }))

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const { file, text } of programs) writeFileSync(file, text)
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.json', include: ['*.ts'] }))
})

describe('pages', () => {
  it('has the page that shows everything', () => expect(programs.map(p => p.page)).toContain('docs/everything.md'))
  it.each(shown)('$page shows $file as it is', ({ file, text }) => {
    expect(readFileSync(join(root, file), 'utf8')).toContain(text)
  })
  it(`${opsPageFile} is what npm run docs:ops prints`, () => {
    expect(readFileSync(join(root, opsPageFile), 'utf8')).toBe(opsPage())
  })
  it('type-check', { timeout: 120_000 }, async () => {
    const tsc = join(root, 'node_modules/@typescript/native/bin/tsc')
    const run = promisify(execFile)(process.execPath, [tsc, '-p', folder], { cwd: folder })
    const said = await run.then(
      ({ stdout }) => stdout,
      (e: { stdout: string }) => e.stdout,
    )
    // errors in what the pages import are those of the project's own type check
    expect(said.split('\n').filter(line => /^[^.\s]\S*\.ts\(/.test(line))).toEqual([])
  })
  it.each(programs)('$page prints what it states', { timeout: 120_000 }, async ({ file }) => {
    const { source, ran } = await runNotebook(file)
    expect(ran).toBe(source)
  })
})
