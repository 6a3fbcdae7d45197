/** The fused kernel against the meaning of attention, at every length and grouping it may meet. Runs where subgroups are of eight. */
import { either as E } from 'fp-ts'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compile, evaluate, indexInput, inputOf, lower, value, type Program } from 'sluice'
import { attention } from 'sluice/ops'
import { profiles } from '../compile/profiles.ts'

const seed = Number(process.env['SLUICE_SEED'] ?? Date.now() % 1e6)
const wave = (shape: readonly number[], by: number) =>
  value(
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * by) * 1.5),
  )

const graph = (width: 32 | 64 | 128, causal: boolean) =>
  attention({ causal, offset: 'given' })(
    inputOf('q', [4, 'm', width]),
    inputOf('k', [2, 'n', width]),
    inputOf('v', [2, 'n', width]),
    indexInput('offset', []),
  )
it('is one kernel on lavapipe, and its meaning elsewhere', () => {
  const labels = (tuning: keyof typeof profiles) =>
    lower(graph(64, true), { profile: profiles[tuning] }).passes.map(p => p.label)
  expect(labels('lavapipe')).toEqual(['attention'])
  expect(labels('gpu')).not.toContain('attention')
})

for (const width of [32, 64, 128] as const)
  for (const causal of [false, true])
    it(`width ${width}, ${causal ? 'causal' : 'all keys'}, seed ${seed}`, async () => {
      const y = graph(width, causal)
      const program = await compile(y)()
      if (E.isLeft(program)) throw new Error(program.left.message)
      const agrees = async (m: number, more: number): Promise<void> => {
        const n = m + more
        const feeds = {
          q: wave([4, m, width], 0.37),
          k: wave([2, n, width], 0.73),
          v: wave([2, n, width], 0.19),
          offset: value([], [more], 'index'),
        }
        const [wanted, got] = [evaluate(y, feeds), await (program.right as Program).run(feeds)()]
        if (E.isLeft(wanted)) throw new Error(wanted.left.message)
        if (E.isLeft(got)) throw new Error(got.left.message)
        const numbers = Object.values(got.right)[0]?.data as Float32Array
        const worst = numbers.reduce((w, x, i) => Math.max(w, Math.abs(x - (wanted.right.data[i] as number))), 0)
        expect(worst).toBeLessThan(1e-5)
      }
      for (const [m, more] of [
        [1, 0],
        [1, 639],
        [8, 0],
        [9, 23],
        [31, 1],
        [33, 0],
        [65, 0],
      ] as const)
        await agrees(m, more)
      await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 0, max: 90 }), agrees), {
        seed,
        numRuns: 12,
      })
      program.right.dispose()
    })
