/** Products of one row that do not wait for one another, as decoding has three in every layer: one dispatch on a GPU. */
import { describe, expect, it } from 'vitest'
import { compile, inputOf, loosely, lower, openDevice, value, type Loose, type Outputs, type Value } from 'sluice'
import { exp, linear, scale } from 'sluice/ops'
import { opened, wave } from '../device/stored-weights.ts'
import { profiles, refused } from './profiles.ts'

describe('products of few rows side by side', () => {
  const width = 1024
  const layer = (name: string): Loose => loosely(linear)(name, width, { bias: false })(x) as Loose
  const x = inputOf('x', ['n', width]) as Loose
  const [q, k, v] = ['q', 'k', 'v'].map(layer) as [Loose, Loose, Loose]
  // something between them, which the first is read by
  const outputs: Outputs = { q: exp(scale(0.1)(q)), k, v }
  const lowered = (tuning: keyof typeof profiles) => lower(outputs, { profile: profiles[tuning], weights: 'q8' })
  it('are one dispatch on a GPU, and those of many rows are not', async () => {
    const { passes } = lowered('gpu')
    const joined = passes.filter(p => p.also !== undefined)
    expect(joined.map(p => [p.when, p.grid])).toEqual([[{ size: 'n', most: 4 }, ['96*n', 1, 1]]])
    expect(passes.filter(p => p.when?.least === 5)).toHaveLength(3)
    expect(await refused(lowered('gpu'))).toEqual([])
  })
  it('are not on a device in software', () => {
    expect(lowered('lavapipe').passes.every(p => p.also === undefined)).toBe(true)
    expect(lowered('swiftshader').passes.every(p => p.also === undefined)).toBe(true)
  })
  it('give the numbers that they give alone, for each of few rows', async () => {
    const numbers = (rows: number, from: number): Value => value([rows, width], wave(rows * width, from))
    const weights = new Map(['q', 'k', 'v'].map((name, i) => [`${name}.weight`, numbers(width, i)]))
    const device = await opened(openDevice({ profile: { tuning: 'gpu', imageRows: 0, maxInvocations: 64 } }))
    const options = { device, weights, storage: 'q8' } as const
    const together = await opened(compile(outputs, options))
    const alone = await Promise.all(
      Object.entries(outputs).map(async ([name, y]) => [name, await opened(compile({ [name]: y }, options))] as const),
    )
    for (const n of [1, 4, 0, 5, 3]) {
      const feeds = { x: numbers(n, 3) }
      const all = await opened(together.run(feeds))
      for (const [name, program] of alone) {
        const wanted = (await opened(program.run(feeds)))[name]!.data
        expect(all[name]!.data).toEqual(wanted)
        expect((await opened(together.run(feeds, { only: [name] })))[name]!.data).toEqual(wanted)
      }
    }
    device.dispose()
  })
})
