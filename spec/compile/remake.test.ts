/** What kernels for few rows make anew on a GPU: the factor that rows are normalised by, and the other factor of a gated product. */
import { describe, expect, it } from 'vitest'
import { indexInput, inputOf, loosely, lower, param, state, updates, type Loose, type Outputs } from 'sluice'
import { embed, nextToken, remembering, vicuna7b } from 'sluice/models'
import { add, einsum, exp, iota, layerNorm, linear, mul, rmsNorm, silu, slice, sum, toFloat, toIndex } from 'sluice/ops'
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
  it('read what is made from rows, and parts of rows', () => {
    const first = loosely(slice)({ axis: -1, stop: 32 })(normed)
    const whole = toFloat(toIndex(normed))
    const { few } = labels({ first: product('first', 96, first), whole: product('whole', 96, whole) })
    expect(few[0]).toBe('rmsNormalize')
    expect(few.filter(label => label.startsWith('rmsNormalize,'))).toEqual([])
  })
  it('read a factor that is no product with weights', () => {
    const x = inputOf('x', ['n', 64]) as Loose
    const other = loosely(einsum)('a k, n k -> a n')(x, inputOf('other', [96, 64]) as Loose)
    expect(labels({ y: mul(silu(other), product('up', 96, x)) }).few).toEqual(['einsum + silu', 'einsum + mul'])
  })
  it('read what is normalised of a state, which is written over before', () => {
    const held = state('held', [1, 64])
    const x = inputOf('x', [1, 64]) as Loose
    const next = add(held, x) as Loose
    const outputs = { z: loosely(sum)(-1)(exp(next)), y: product('fc', 96, rmsNorm('norm')(held) as Loose) }
    const { passes } = lower(outputs, { profile: profiles.gpu, weights: 'q8', next: [[held, next]] })
    expect(passes.map(p => p.label)).toEqual(['rmsNormalize', 'add', 'exp + sum', 'einsum'])
  })
  it('bind no more than the device does', () => {
    const biased = (name: string) => loosely(linear)(name, 96)(normed)
    const [a, b] = ['a', 'b'].map(name => inputOf(name, ['n', 96])) as [Loose, Loose]
    const { passes } = lowered({ y: add(add(mul(silu(biased('gate')), biased('up')), a), b) })
    const bound = passes.map(p => p.reads.length + 1)
    expect(Math.max(...bound)).toBeLessThanOrEqual(profiles.gpu.maxStorageBuffers)
  })
  it.each(['factor', 'tile', 'sums', 'others'])('are right beside a parameter called %s', async name => {
    const y = mul(product('up', 96, normed), param(name, [96]))
    expect(await refused(lowered({ y }))).toEqual([])
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
