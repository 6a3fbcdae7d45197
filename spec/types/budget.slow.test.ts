/**
 * What types may cost: the whole of MG-LLaVA with literal sizes, checked against the declarations that users get. The number of
 * instantiations is exact; the time is the compiler's own and gets a margin, since machines differ.
 */
import { spawnSync } from 'node:child_process'
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
  // errors in the sources are the build's business: declarations are written all the same
  spawnSync(process.execPath, [compilers[7], '-p', 'tsconfig.build.json', ...flags], { cwd: root })
})

describe('a program as large as MG-LLaVA', () => {
  const options = {
    customConditions: [],
    paths: {
      sluice: ['../declarations/lib/index.d.ts'],
      'sluice/ops': ['../declarations/ops/index.d.ts'],
      'sluice/models': ['../declarations/models/index.d.ts'],
    },
  }
  const check = async (folder: string, text: string) => {
    const { complaints, output } = await compile(
      7,
      folder,
      { 'program.ts': text },
      { options, flags: ['--extendedDiagnostics'] },
    )
    expect(complaints).toEqual([])
    return { instantiations: measured(output, 'Instantiations'), seconds: measured(output, 'Check time') }
  }

  const isCheap = async (folder: string, text: string) => {
    const { instantiations, seconds } = await check(folder, text)
    expect(instantiations).toBeGreaterThan(0)
    expect(instantiations).toBeLessThan(60_000)
    expect(seconds).toBeLessThan(1)
  }

  it('costs fewer than 60,000 instantiations and less than a second, written out', async () => {
    await isCheap('budget', readFileSync(new URL('mg-llava-literal.ts', import.meta.url), 'utf8'))
  })

  it('does so too as a composition of its parts', async () => {
    await isCheap(
      'budget-parts',
      `import type { Tensor } from 'sluice'
import { mgLlava, mgLlavaLlama3, mgLlavaVicuna7b } from 'sluice/models'
export const vicuna: Tensor<['576 + after + before + boxes', 32000]> = mgLlava(mgLlavaVicuna7b)
export const llama: Tensor<['576 + after + before + boxes', 128256]> = mgLlava(mgLlavaLlama3)
`,
    )
  })

  it('is built with the shape that its type says', () => {
    expect(logits.shape).toEqual(['576 + boxes + text', 32000])
  })
})
