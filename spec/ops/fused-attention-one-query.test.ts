/** The kernel for one query on a GPU: where it is chosen, and that it agrees with the definition. All lengths, and drawn cases: the slow test. */
import { describe, expect, it } from 'vitest'
import { inputOf, lower, type Lowered } from 'sluice'
import { attention } from 'sluice/ops'
import { profiles, refused } from '../compile/profiles.ts'
import { seed } from '../kit/draw.ts'
import { decoder, graphOf, onDevice, type AttentionCase } from './attention-rows.ts'
import { asGpu, edges, oneQuery, withDevice } from './one-query.ts'

const lowered = (of: AttentionCase, tuning: keyof typeof profiles = 'gpu'): Lowered =>
  lower(graphOf(of), { profile: profiles[tuning] })
const whens = ({ passes }: Lowered) => passes.filter(p => p.label === 'attention').map(p => p.when)

describe('is chosen', () => {
  it('beside the usual kernel where the number of queries is named', () => {
    expect(whens(lowered(decoder))).toEqual([
      { size: 'm', least: 2 },
      { size: 'm', most: 1 },
    ])
  })
  it('alone where there is one query, and not where there are more', () => {
    const [q, one, two, k] = ['m', 1, 2, 4096].map(m => inputOf(m === 4096 ? 'k' : 'q', [32, m, 128]))
    const passes = [q, one, two].map(x => lower(attention()(x!, k!, k!), { profile: profiles.gpu }).passes)
    const [usual, few] = passes[0]!
    expect(passes.map(p => p.length)).toEqual([2, 1, 1])
    expect(passes.slice(1).map(([p]) => p!.when)).toEqual([undefined, undefined])
    expect(passes[1]![0]!.wgsl).toBe(few!.wgsl)
    expect(passes[2]![0]!.wgsl).not.toBe(few!.wgsl)
    expect(few!.wgsl).not.toBe(usual!.wgsl)
    expect([few!.grid, passes[1]![0]!.grid]).toEqual([
      ['32*m', 1, 1],
      [32, 1, 1],
    ])
  })
  it('on GPUs alone', () => {
    expect(whens(lowered(decoder, 'lavapipe'))).toEqual([undefined])
    expect(whens(lowered(decoder, 'swiftshader'))).toEqual([undefined])
  })
  it('neither with a bias nor where more than four heads share their keys', () => {
    expect(whens(lowered({ ...decoder, bias: ['m', 'n'] }))).toEqual([undefined])
    expect(whens(lowered({ ...decoder, heads: 5, groups: 1 }))).toEqual([undefined])
  })
})

it.each([64, 256, 1024])(
  'is valid with %i lanes at most, in the memory that every device has',
  async maxInvocations => {
    for (const of of oneQuery) {
      const program = lower(graphOf(of), { profile: { ...profiles.gpu, maxInvocations } })
      expect(whens(program)).toHaveLength(2)
      expect(await refused(program)).toEqual([])
      const { wgsl } = program.passes.at(-1)!
      const bytes = [...wgsl.matchAll(/var<workgroup> \w+: array<(vec4f|f32), (\d+)>/g)].map(
        ([, type, count]) => Number(count) * (type === 'f32' ? 4 : 16),
      )
      expect(bytes.reduce((a, b) => a + b)).toBeLessThanOrEqual(16384)
    }
  },
)

it(`agrees with the definition on one query, and so does the usual kernel on more, seed ${seed}`, async () => {
  await withDevice(asGpu(64), async device => {
    const checked = await onDevice(decoder, device)
    for (const keys of edges)
      for (const queries of new Set([0, 1, Math.min(2, keys), Math.min(33, keys)]))
        expect(await checked.at({ queries, keys }, seed)).toBeUndefined()
    checked.dispose()
  })
})
