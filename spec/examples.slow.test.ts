/** Every notebook prints what it states, mistakes included, and states what the compiler says of them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { runNotebook } from '../examples/notebook.ts'
import { compile } from './types/compile.ts'

const folder = fileURLToPath(new URL('../examples', import.meta.url))
const notebooks = readdirSync(folder).filter(file => file.endsWith('.nb.ts'))

it('there are notebooks', () => expect(notebooks.length).toBeGreaterThan(0))
it.each(notebooks)('%s prints what it states', async notebook => {
  const { source, ran } = await runNotebook(join(folder, notebook))
  expect(ran).toBe(source)
})

it('what stands after @ts-expect-error is what tsc says', async () => {
  const sources = notebooks.map(name => [name, readFileSync(join(folder, name), 'utf8')] as const)
  const expected = sources.flatMap(([file, text]) =>
    text.split('\n').flatMap((line, i) => {
      const message = /^ *\/\/ @ts-expect-error (.*)$/.exec(line)?.[1]
      return message === undefined ? [] : [{ file, line: i + 2, message }]
    }),
  )
  expect(expected.length).toBeGreaterThan(0)
  const unguarded = sources.map(([name, text]) => [name, text.replaceAll('@ts-expect-error', '')] as const)
  const said = await compile(7, 'notebooks', Object.fromEntries(unguarded))
  const complaints = said.complaints.filter(({ file }) => file.endsWith('.nb.ts'))
  const places = complaints.map(({ file, line }) => `${file.split('/').at(-1)}:${line}`)
  expect(places.sort()).toEqual(expected.map(({ file, line }) => `${file}:${line}`).sort())
  for (const { file, line, message } of expected)
    expect(complaints.find(one => one.file.endsWith(file) && one.line === line)?.text).toContain(message)
})
