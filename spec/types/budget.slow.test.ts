/**
 * What types may cost: the whole of MG-LLaVA with literal sizes, checked against the declarations that users get. The number of
 * instantiations is exact; the time is the compiler's own and gets a margin, since machines differ.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { compile, compilers } from './compile.ts'
import { logits } from './mg-llava-literal.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const declarations = `${root}.cache/types/declarations`

/** A line of --extendedDiagnostics. */
const measured = (output: string, what: string): number =>
  Number(new RegExp(`^${what}:\\s+([\\d.]+)`, 'm').exec(output)?.[1] ?? Number.NaN)

beforeAll(() => {
  rmSync(declarations, { recursive: true, force: true })
  const flags = ['--outDir', declarations, '--emitDeclarationOnly']
  execFileSync(process.execPath, [compilers[7], '-p', 'tsconfig.build.json', ...flags], { cwd: root, stdio: 'pipe' })
})

describe('a program as large as MG-LLaVA', () => {
  const options = {
    customConditions: [],
    paths: { sluice: ['../declarations/lib/index.d.ts'], 'sluice/ops': ['../declarations/ops/index.d.ts'] },
  }
  const check = async (text: string, folder: string) => {
    const { complaints, output } = await compile(
      7,
      folder,
      { 'program.ts': text },
      { options, flags: ['--extendedDiagnostics'] },
    )
    expect(complaints).toEqual([])
    return { instantiations: measured(output, 'Instantiations'), seconds: measured(output, 'Check time') }
  }

  it('costs fewer than 60,000 instantiations and less than a second', async () => {
    const text = readFileSync(new URL('mg-llava-literal.ts', import.meta.url), 'utf8')
    const whole = await check(text, 'budget')
    expect(whole.instantiations).toBeGreaterThan(1000)
    expect(whole.instantiations).toBeLessThan(60_000)
    expect(whole.seconds).toBeLessThan(1)
  })

  it('is built with the shape that its type says', () => {
    expect(logits.shape).toEqual(['576 + boxes + text', 32000])
  })
})
