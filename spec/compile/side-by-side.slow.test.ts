/** Products of one row that do not wait for one another, as decoding has three in every layer: one dispatch on a GPU. */
import { either as E } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import { compile, inputOf, loosely, lower, openDevice, value, type Loose, type Outputs, type Value } from 'sluice'
import { exp, linear, scale } from 'sluice/ops'
import { profiles, refused } from './profiles.ts'

const right = <A>(result: E.Either<{ readonly message: string }, A>): A => {
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}

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
    const device = right(await openDevice({ profile: { tuning: 'gpu', imageRows: 0, maxInvocations: 64 } })())
    const options = { device, weights, storage: 'q8' } as const
    const together = right(await compile(outputs, options)())
    const alone = await Promise.all(
      Object.entries(outputs).map(async ([name, y]) => [name, right(await compile({ [name]: y }, options)())] as const),
    )
    for (const n of [1, 4, 0, 5, 3]) {
      const feeds = { x: wave([n, width], 3) }
      const all = right(await together.run(feeds)())
      for (const [name, program] of alone) {
        const wanted = right(await program.run(feeds)())[name]!.data
        expect(all[name]!.data).toEqual(wanted)
        expect(right(await together.run(feeds, { only: [name] })())[name]!.data).toEqual(wanted)
      }
    }
    device.dispose()
  })
})
