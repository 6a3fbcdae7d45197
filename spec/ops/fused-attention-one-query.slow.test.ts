/** The kernel for one query on a GPU at every length from 1 to 700, in many drawn cases, and with as many lanes as GPUs have. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { seed } from '../kit/draw.ts'
import { wrongAtLengths, type AttentionCase } from './attention-rows.ts'
import { asGpu, drawn, edges, oneQuery, withDevice, wrongOfOneQuery } from './one-query.ts'

it.each(oneQuery)(`$name, every length, seed ${seed}`, async of => {
  expect(await wrongAtLengths(of, asGpu(64), { most: 1 })).toEqual([])
})
it(`drawn cases, seed ${seed}`, async () => {
  await withDevice(asGpu(64), async device => {
    const agrees = async ([of, keys]: readonly [AttentionCase, number]): Promise<void> => {
      expect(await wrongOfOneQuery(of, device, [...edges, keys], seed)).toEqual([])
    }
    await fc.assert(fc.asyncProperty(drawn, agrees), { seed, numRuns: 24 })
  })
})
it.each([256, 1024])(`a grouped decoder, %i lanes at most, seed ${seed}`, async lanes => {
  const of: AttentionCase = { name: 'a grouped decoder', heads: 4, groups: 2, width: 64, causal: true, keyMask: true }
  expect(await wrongAtLengths(of, asGpu(lanes), { most: 1, by: 3 })).toEqual([])
})
