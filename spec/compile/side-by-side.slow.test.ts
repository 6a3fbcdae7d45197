/** Products of one row that do not wait for one another, as decoding has three in every layer: one dispatch on a GPU. */
import { either as E } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import { compile, inputOf, loosely, lower, openDevice, value, type Loose, type Outputs, type Value } from 'sluice'
import { exp, linear, scale } from 'sluice/ops'
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
    const wave = (shape: readonly number[], from: number): Value =>
      value(
        shape,
        Float32Array.from({ length: shape[0]! * shape[1]! }, (_, i) => Math.sin(i * 0.7 + from)),
      )
    const weights = new Map(['q', 'k', 'v'].map((name, i) => [`${name}.weight`, wave([width, width], i)]))
    const device = await openDevice({ profile: { tuning: 'gpu', imageRows: 0, maxInvocations: 64 } })()
    if (E.isLeft(device)) throw new Error(device.left.message)
    const options = { device: device.right, weights, storage: 'q8' } as const
    const together = await compile(outputs, options)()
    const alone = await Promise.all(Object.entries(outputs).map(([name, y]) => compile({ [name]: y }, options)()))
    if (E.isLeft(together)) throw new Error(together.left.message)
    for (const n of [1, 4, 0, 3]) {
      const feeds = { x: wave([n, width], 3) }
      const got = await together.right.run(feeds)()
      if (E.isLeft(got)) throw new Error(got.left.message)
      for (const program of alone) {
        if (E.isLeft(program)) throw new Error(program.left.message)
        const wanted = await program.right.run(feeds)()
        if (E.isLeft(wanted)) throw new Error(wanted.left.message)
        for (const [name, { data }] of Object.entries(wanted.right)) expect(got.right[name]!.data).toEqual(data)
      }
    }
    device.right.dispose()
  })
})
