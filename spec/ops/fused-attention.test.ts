/** The fused kernel against the definition of attention at drawn lengths, for every kind of device. All lengths: the slow test. */
import { either as E } from 'fp-ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  evaluate,
  gradient,
  inputOf,
  lower,
  openDevice,
  run,
  scope,
  value,
  type AnyTensor,
  type DeviceOptions,
  type Feeds,
} from 'sluice'
import { attention, mul, sum } from 'sluice/ops'
import { profiles, refused } from '../compile/profiles.ts'
import { seed } from '../kit/draw.ts'
import { differs, limits } from '../tolerances.ts'
import { cases, decoder, graphOf, inFloat64, more, onDevice, type Lengths } from './attention-rows.ts'

const tunings = Object.keys(profiles) as (keyof typeof profiles)[]

describe.each([...cases, ...more])('$name', of => {
  it.each(tunings)('is one valid kernel on %s, beside one for one query', async tuning => {
    const lowered = lower(graphOf(of), { profile: profiles[tuning] })
    const usual = lowered.passes.filter(p => p.when?.most === undefined)
    expect(usual.map(p => p.label).filter(label => label !== 'toTruth')).toEqual(['attention'])
    expect(await refused(lowered)).toEqual([])
  })
  it('means what the loops compute', () => {
    const lengths = of.self === true ? { queries: 7, keys: 7 } : { queries: 5, keys: 7 }
    expect(inFloat64(of, lengths, seed)).toBeUndefined()
  })
})

const lengths = fc
  .record({ queries: fc.integer({ min: 1, max: 90 }), before: fc.integer({ min: 0, max: 610 }) })
  .map(({ queries, before }): Lengths => ({ queries, keys: queries + before }))
const carriers: readonly (readonly [string, DeviceOptions])[] = [
  ['as the device is', {}],
  ['without subgroups', { profile: { subgroup: [0, 0] } }],
]
it.each(carriers)('agrees with the definition, %s', async (_, options) => {
  const device = await openDevice(options)()
  if (E.isLeft(device)) throw new Error(device.left.message)
  const checked = await onDevice(decoder, device.right)
  const agrees = async (at: Lengths): Promise<void> => {
    expect(await checked.at(at, seed)).toBeUndefined()
  }
  const known = [1, 2, 31, 32, 33, 577].flatMap(keys => [1, keys].map((queries): [Lengths] => [{ queries, keys }]))
  await fc.assert(fc.asyncProperty(lengths, agrees), { seed, numRuns: 20, examples: known })
  checked.dispose()
  device.right.dispose()
})

const evaluated = async (output: AnyTensor, feeds: Feeds): Promise<void> => {
  const [wanted, got] = [evaluate(output, feeds), await run(output, feeds)()]
  if (E.isLeft(wanted) || E.isLeft(got)) throw new Error(JSON.stringify([wanted, got]))
  expect(differs(got.right, wanted.right, limits('attention', wanted.right))).toBeUndefined()
}
const wave = (shape: readonly number[]) =>
  value(
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 0.37)),
  )
it('reads one tensor as queries, keys, values and bias', async () => {
  const x = inputOf('x', [32, 64, 64])
  const y = attention({ bias: true })(x, x, x, x)
  expect(lower(y, { profile: profiles.lavapipe }).passes.map(p => p.label)).toEqual(['attention'])
  await evaluated(y, { x: wave([32, 64, 64]) })
})
it('has the gradient of its meaning', async () => {
  const [q, k, v] = ['q', 'k', 'v'].map(name => inputOf(name, [2, 'm', 64]))
  const loss = sum(0, 1, 2)(mul(attention({ causal: true })(q!, k!, v!), v!))
  const [dq, dk, dv] = gradient(loss as never, [q!, k!, v!])
  const feeds = { q: wave([2, 33, 64]), k: wave([2, 33, 64]), v: wave([2, 33, 64]) }
  for (const d of [dq, dk, dv]) await evaluated(d!, feeds)
  const { passes } = lower({ loss, dq, dk, dv } as never, { profile: profiles.gpu })
  const labels = passes.filter(p => p.when?.most === undefined).map(p => p.label)
  // forward once, and the scores once more
  expect(labels.filter(label => label.startsWith('attention'))).toHaveLength(1)
  expect(labels.filter(label => label.startsWith('softmax'))).toHaveLength(1)
})
it('is its meaning where the kernel does not fit, in a block that says so', () => {
  const [q, k, v] = [256, 256, 256].map((width, i) => inputOf(['q', 'k', 'v'][i]!, [2, 'm', width]))
  const lowered = lower(scope('layer', attention())(q!, k!, v!), { profile: profiles.lavapipe })
  expect(lowered.passes.length).toBeGreaterThan(1)
  const computing = lowered.passes.filter(p => p.label !== 'packPanels')
  expect(new Set(computing.map(p => p.path))).toEqual(new Set(['layer.attention']))
})
