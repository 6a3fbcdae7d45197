/** The judge itself: it finds the cases that are there and no others, and a number that is off does not pass. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { checkGroup, findCases } from './golden/find.ts'
import { exactly, firstDivergence, type Stage } from './golden/judge.ts'
import { openMachine } from './golden/machine.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-golden-'))
afterAll(() => rmSync(folder, { recursive: true }))
const put = (path: string, content: string | Uint8Array): void => {
  const file = join(folder, path)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, content)
}

describe('finding cases', () => {
  put('set/mg-llava/asked/mg-llava.json', '{}')
  put('set/mg-llava/trained/mg-llava.json', '{}')
  put('set/training/two/case.json', '{"model": "../../mg-llava/trained"}')
  put('set/text/asked/mg-llava.json', '{}')
  put('set/vision/odd/training/one/case.json', '{}')
  put('set/eval/table/cases.json', '{}')
  const names = (...roots: string[]): string[] =>
    findCases(roots.map(root => join(folder, root))).map(({ name }) => name)

  it('takes the nearest area above, and no folder that is the model of a case', () =>
    expect(names('set')).toEqual(['eval/table', 'mg-llava/asked', 'training/two', 'vision/odd/training/one']))
  it('knows the area of the odd one', () =>
    expect(findCases([join(folder, 'set/vision')]).map(({ area }) => area)).toEqual(['training']))
  it('knows an area whose own folder is the root, or a case of it', () => {
    expect(names('set/mg-llava')).toEqual(['mg-llava/asked', 'mg-llava/trained'])
    expect(names('set/training/two')).toEqual(['training/two'])
  })
  it('takes several roots', () => expect(names('set/eval', 'set/training')).toEqual(['eval/table', 'training/two']))
  it('says which root is not there', () => expect(() => names('absent')).toThrow('absent'))
})

describe('one number that is off', () => {
  const ops = fileURLToPath(new URL('./golden/ops', import.meta.url))
  const { cases, ...rest } = JSON.parse(readFileSync(join(ops, 'cases.json'), 'utf8'))
  const [one] = cases.filter((c: { op: string; name: string }) => c.op === 'exp' && c.name === 'matrix')
  const bytes = readFileSync(join(ops, 'exp.safetensors'))
  const start = 8 + Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.toString('utf8', 8, start))
  const verdictOf = async (tensor?: string) => {
    const changed = Buffer.from(bytes)
    if (tensor !== undefined) {
      const at = start + header[tensor].data_offsets[0] + 4
      changed.writeFloatLE(changed.readFloatLE(at) + 0.01, at)
    }
    put('off/ops/exp.safetensors', changed)
    put('off/ops/cases.json', JSON.stringify({ ...rest, cases: [one] }))
    const machine = await openMachine('cpu')
    if (typeof machine === 'string') throw new Error(machine)
    const [verdict] = await checkGroup(findCases([join(folder, 'off')]), machine)
    return verdict!
  }

  it('passes untouched', async () => expect(await verdictOf()).toEqual({ verdict: 'passed' }))
  it('fails in an output', async () =>
    expect(await verdictOf('matrix/out/y')).toMatchObject({
      verdict: 'failed',
      why: expect.stringMatching(/^output y: \[0, 1\] is /),
    }))
  it('fails in a gradient', async () =>
    expect(await verdictOf('matrix/grad/x')).toMatchObject({
      verdict: 'failed',
      why: expect.stringMatching(/^gradient of x: \[0, 1\] is /),
    }))
})

describe('comparing', () => {
  const stage = (name: string, got: readonly number[], wanted: readonly number[], atol = 0): Stage => ({
    stage: name,
    wanted: { shape: [wanted.length], data: wanted },
    got: { shape: [got.length], data: got },
    limits: { ...exactly, atol },
  })

  it('names the first stage that diverges and the worst difference in it', () => {
    const stages = [stage('first', [1, 2], [1, 2]), stage('second', [1, 9, 4], [1, 2, 3]), stage('third', [1], [2])]
    expect(firstDivergence(stages)).toBe('second: [1] is 9, should be 2; 2 of 3 are off')
  })
  it('wants infinities and not-a-numbers in the same places', () => {
    const same = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]
    expect(firstDivergence([stage('x', same, same)])).toBeUndefined()
    for (const [got, wanted] of [
      [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
      [Number.NaN, 1],
      [1, Number.NaN],
      [1e30, Number.POSITIVE_INFINITY],
    ] as const)
      expect(firstDivergence([stage('x', [got], [wanted], 1e38)])).toContain('x: [0]')
  })
  it('refuses another shape', () => expect(firstDivergence([stage('x', [1, 2], [1])])).toContain('shape [2]'))
  it('passes within the limit and fails beyond it', () =>
    fc.assert(
      fc.property(
        fc.double({ min: -1, max: 1, noNaN: true }),
        fc.double({ min: -1e3, max: 1e3, noNaN: true }),
        (off, x) => {
          const wrong = firstDivergence([stage('x', [x + off], [x], 0.5)])
          expect(wrong === undefined).toBe(Math.abs(x + off - x) <= 0.5)
        },
      ),
    ))
})
