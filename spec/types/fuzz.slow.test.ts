/**
 * The rules exist twice, as types and as functions. Random sizes and signatures must come out the same in both, under both compilers.
 */
import { expect, it } from 'vitest'
import { seededDraw, size } from 'sluice'
import { compile, shown, type Compiler } from './compile.ts'
import { exact, fuzzProgram } from './fuzz.ts'

const seed = Number(process.env.SLUICE_SEED ?? Date.now() % 0x7fffffff)

it.each<[Compiler, number]>([
  [7, 5],
  [6, 1],
])('TypeScript %i computes sizes and shapes as the build does, in %i programs', async (compiler, programs) => {
  const files = Array.from({ length: programs }, (_, i) => [`fuzz-${i}.ts`, fuzzProgram(seededDraw(seed + i), 600)])
  const texts = Object.fromEntries(files) as Record<string, string>
  const { complaints, output } = await compile(compiler, 'fuzz', texts)
  const lines = complaints.map(c => {
    const text = texts[c.file.split('/').at(-1)!]?.split('\n')[c.line - 1] ?? ''
    return `${shown(c)}\n    ${text}`
  })
  expect(lines, `seed ${seed}: SLUICE_SEED=${seed} repeats it\n${output.slice(0, 500)}`).toEqual([])
})

it('compares no sizes that are not exact, found by seed 408209827', () => {
  expect(exact(size.mul(7508706168250, 6663151065))).toBe(false)
  expect(exact('5.003164350174706e+22*n')).toBe(false)
  expect(exact(size.mul(4096, 11008))).toBe(true)
})
