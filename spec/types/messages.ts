/** Holds what a compiler says of the mistakes in negative.ts to what each line expects: one error there, and none anywhere else. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { compile, shown, type Compiler } from './compile.ts'
import { negatives } from './negative.ts'

const source = readFileSync(fileURLToPath(new URL('negative.ts', import.meta.url)), 'utf8')
const mistakes = source.replaceAll('// @ts-expect-error', '//')
const lineOf = (name: string): number => mistakes.split('\n').findIndex(line => line.startsWith(`neg('${name}'`)) + 1

export const testMessages = (compiler: Compiler): void => {
  describe(`TypeScript ${compiler}`, () => {
    const complaints = compile(compiler, 'negative', { 'negative.ts': mistakes }).then(compiled =>
      compiled.complaints.filter(c => c.file.endsWith('negative.ts')),
    )
    const seen = negatives.filter(({ tsc }) => tsc !== undefined)
    it.each(seen)('$name', { timeout: 120_000 }, async ({ name, tsc }) => {
      const mine = (await complaints).filter(c => c.line === lineOf(name))
      expect(mine.map(c => c.text)).toEqual([expect.stringMatching(tsc!)])
    })
    it('complains of nothing else', { timeout: 120_000 }, async () => {
      const lines = seen.map(({ name }) => lineOf(name))
      const stray = (await complaints).filter(c => !lines.includes(c.line))
      expect(stray.map(shown)).toEqual([])
    })
  })
}
