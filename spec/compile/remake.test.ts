/** What kernels for few rows make anew on a GPU: the factor that rows are normalised by, and the other factor of a gated product. */
import { describe, expect, it } from 'vitest'
import { indexInput, inputOf, loosely, lower, updates, type Loose, type Outputs } from 'sluice'
import { embed, nextToken, remembering, vicuna7b } from 'sluice/models'
import { add, exp, iota, layerNorm, mul, slice } from 'sluice/ops'
import { gated, product } from './gated.ts'
import { profiles, refused } from './profiles.ts'

const lowered = (outputs: Outputs, tuning: keyof typeof profiles = 'gpu') =>
  lower(outputs, { profile: profiles[tuning], weights: 'q8' })
/** labels of the passes of a run with few rows, and with many */
const labels = (outputs: Outputs, tuning?: keyof typeof profiles) => {
  const { passes } = lowered(outputs, tuning)
  const of = (few: boolean) => passes.filter(p => p.when?.[few ? 'least' : 'most'] === undefined).map(p => p.label)
  return { few: of(true), many: of(false) }
}

describe('kernels for few rows', () => {
  const { outputs, normed, gate } = gated(64, 96)
  it('normalise their rows and make the gate on a GPU, those for many rows read both', async () => {
    expect(labels(outputs)).toEqual({
      few: ['rmsNormalize, einsum + silu, einsum + mul', 'einsum + add'],
      many: ['rmsNormalize', 'einsum + silu', 'einsum + mul', 'einsum + add'],
    })
    expect(await refused(lowered(outputs))).toEqual([])
  })
  it('read them on a device in software', () => {
    for (const tuning of ['lavapipe', 'swiftshader'] as const)
      expect(labels(outputs, tuning).few).toEqual(['rmsNormalize', 'einsum + silu', 'einsum + mul', 'einsum + add'])
  })
  it('read what is there anyway', () => {
    expect(labels({ ...outputs, normed }).few).toContain('rmsNormalize')
    expect(labels({ ...outputs, gate }).few).toEqual([
      'rmsNormalize, einsum + silu',
      'rmsNormalize, einsum + mul',
      'einsum + add',
    ])
    // an exponential reads the rows as well
    expect(labels({ ...outputs, other: exp(normed) }).few).toContain('rmsNormalize')
  })
  it('read rows that are normalised by more than a factor', () => {
    const x = inputOf('x', ['n', 64]) as Loose
    const centred = layerNorm('norm')(x)
    expect(labels({ y: product('fc', 96, centred) }).few).toEqual(['layerNormalize', 'einsum'])
  })
  it('read a factor whose elements stand elsewhere', () => {
    const x = inputOf('x', ['n', 64]) as Loose
    const wide = product('wide', 192, x)
    const y = loosely(() => mul)()(loosely(slice)({ axis: -1, start: 96 })(wide), product('up', 96, x))
    expect(labels({ y }).few).toHaveLength(2)
  })
})

it('a token takes six dispatches for a layer of a decoder on a GPU', () => {
  const profile = { ...profiles.gpu, maxStorageBuffers: 16, maxInvocations: 1024 }
  const dispatches = (layers: number): number => {
    const config = { ...vicuna7b, layers, width: 1024, heads: 8, keyHeads: 8, mlpWidth: 2048, vocabulary: 640 }
    const position = indexInput('position', [1])
    const sequence = embed(config)(indexInput('ids', ['n']))
    const positions = add(iota('n'), position)
    const outputs = { logits: nextToken(config, remembering(64, position))(sequence, positions) }
    const { passes } = lower(outputs, { profile, weights: 'q8', next: updates(outputs) })
    return passes.filter(({ when }) => (when?.least ?? 1) <= 1).length
  }
  expect(dispatches(3) - dispatches(2)).toBe(6)
})
