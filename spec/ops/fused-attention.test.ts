/** The fused kernel against the definition of attention at drawn lengths, for every kind of device. All lengths: the slow test. */
import { either as E } from 'fp-ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lower, openDevice, type DeviceOptions } from 'sluice'
import { profiles, refused } from '../compile/profiles.ts'
import { seed } from '../kit/draw.ts'
import { cases, graphOf, inFloat64, more, onDevice, type Lengths } from './attention-rows.ts'

const tunings = Object.keys(profiles) as (keyof typeof profiles)[]

describe.each([...cases, ...more])('$name', of => {
  it.each(tunings)('is one valid kernel on %s', async tuning => {
    const lowered = lower(graphOf(of), { profile: profiles[tuning] })
    expect(lowered.passes.map(p => p.label).filter(label => label !== 'toTruth')).toEqual(['attention'])
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
  const checked = await onDevice(cases[1]!, device.right)
  const agrees = async (at: Lengths): Promise<void> => {
    expect(await checked.at(at, seed)).toBeUndefined()
  }
  const known = [1, 2, 31, 32, 33, 577].flatMap(keys => [1, keys].map((queries): [Lengths] => [{ queries, keys }]))
  await fc.assert(fc.asyncProperty(lengths, agrees), { seed, numRuns: 20, examples: known })
  checked.dispose()
  device.right.dispose()
})
