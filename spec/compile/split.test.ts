/** Products with a long k and few results, on a GPU: k in parts, by the schedule that is for them, whatever the sizes and whatever follows. */
import { either as E } from 'fp-ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  compile,
  evaluate,
  input,
  inputOf,
  lower,
  openDevice,
  state,
  type AnyTensor,
  type Device,
  type Feeds,
  type Value,
} from 'sluice'
import { add, einsum, flip, gelu, rearrange } from 'sluice/ops'
import { differs, limits } from '../tolerances.ts'
import { wave } from '../device/stored-weights.ts'
import { profiles, refused } from './profiles.ts'

const gradient = einsum('r i, r o -> o i')
const [x, dy] = [input('x', [1031, 20]), input('dy', [1031, 36])]
const [some, dySome] = [input('x', ['rows', 5, 20]), input('dy', ['rows', 5, 36])]
const programs: Readonly<Record<string, AnyTensor>> = {
  'a prime k': gradient(x, dy),
  'a k of whole parts': gradient(input('x', [1024, 32]), input('dy', [1024, 64])),
  'a named k': einsum('s r i, s r o -> o i')(some, dySome),
  'operands that lie along k': einsum('i r, o r -> o i')(input('x', [20, 1028]), input('dy', [36, 1028])),
  'm and n exchanged': rearrange('o i -> i o')(gradient(x, dy)),
  'several products': einsum('h r i, h r o -> h o i')(input('x', [3, 600, 20]), input('dy', [3, 600, 9])),
  'several products of fewer rows than a tile': einsum('h r i, h r o -> h o i')(
    input('x', [3, 600, 20]),
    input('dy', [3, 600, 12]),
  ),
  'a k of two axes': einsum('s r i, s r o -> o i')(input('x', [7, 99, 20]), input('dy', [7, 99, 36])),
  'with what comes before and after': gelu(
    add(gradient(rearrange('i r -> r i')(input('x', [20, 1031])), dy), input('bias', [20])),
  ),
}
const shapesOf = (rows: number) =>
  ({
    'a named k': { x: [rows, 5, 20], dy: [rows, 5, 36] },
    'a k of whole parts': { x: [1024, 32], dy: [1024, 64] },
    'operands that lie along k': { x: [20, 1028], dy: [36, 1028] },
    'several products': { x: [3, 600, 20], dy: [3, 600, 9] },
    'with what comes before and after': { x: [20, 1031], dy: [1031, 36] },
    'several products of fewer rows than a tile': { x: [3, 600, 20], dy: [3, 600, 12] },
    'a k of two axes': { x: [7, 99, 20], dy: [7, 99, 36] },
  }) as Readonly<Record<string, { readonly x: readonly number[]; readonly dy: readonly number[] }>>
const numbers = (shape: readonly number[], from: number): Value => {
  return {
    kind: 'float',
    shape,
    data: wave(
      shape.reduce((n, d) => n * d, 1),
      from,
    ),
  }
}
const feedsFor = (name: string, rows = 1031): Feeds => {
  const shapes = shapesOf(rows)[name] ?? { x: [1031, 20], dy: [1031, 36] }
  return {
    x: numbers(shapes.x, 1),
    dy: numbers(shapes.dy, 2),
    ...(name.endsWith('after') ? { bias: numbers([20], 3) } : {}),
  }
}

const right = <A>(result: E.Either<{ readonly message: string }, A>): A => {
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}
const expectEqual = (got: Value, wanted: Value): void =>
  expect(differs(got, wanted, limits('accumulate', wanted))).toBeUndefined()

const choose = (_: string, fitting: readonly string[]) => fitting.find(name => name.startsWith('split'))

describe('a product in parts, on a device as a GPU uses it', () => {
  let device: Device
  beforeAll(async () => {
    device = right(await openDevice({ profile: { tuning: 'gpu', imageRows: 0, choose } })())
  })
  afterAll(() => device.dispose())

  it.each(Object.entries(programs))('%s', async (name, y) => {
    const { lowered, run, dispose } = right(await compile({ y }, { device })())
    expect(lowered.passes.map(p => p.label)).toEqual(['sumParts', expect.stringContaining('einsum')])
    for (const rows of name === 'a named k' ? [207, 60, 7, 1] : [1031]) {
      const feeds = feedsFor(name, rows)
      expectEqual(right(await run(feeds)()).y!, right(evaluate({ y }, feeds)).y!)
    }
    dispose()
  })
  it('added to a state', async () => {
    const sum = state('sum', [36, 20])
    const y = add(sum, gradient(x, dy))
    const { run, dispose } = right(await compile({ y }, { device, next: [[sum, y]] })())
    const feeds = feedsFor('')
    const once = right(evaluate({ y: gradient(x, dy) }, feeds)).y!
    await run(feeds)()
    const twice = { ...once, data: Float32Array.from(once.data, v => 2 * v) }
    expectEqual(right(await run(feeds)()).y!, twice)
    dispose()
  })
})

describe('products of fewer rows than a tile', () => {
  it.each(['shared 0', 'shared, 64 by 8 rows 0'])('leave the rows of others alone, %s', async schedule => {
    const device = right(await openDevice({ profile: { tuning: 'gpu', imageRows: 0, choose: () => schedule } })())
    // the one whose rows follow is made before
    const y = flip(0)(einsum('h r i, h r o -> h o i')(input('x', [40, 48, 20]), input('dy', [40, 48, 12])))
    const { run } = right(await compile({ y }, { device })())
    const feeds = { x: numbers([40, 48, 20], 1), dy: numbers([40, 48, 12], 2) }
    expectEqual(right(await run(feeds)()).y!, right(evaluate({ y }, feeds)).y!)
    device.dispose()
  })
})

describe('which products are made in parts', () => {
  const passes = (m: number, n: number, k: number | string, tuning: keyof typeof profiles = 'gpu') =>
    lower(gradient(inputOf('x', [k, n]), inputOf('dy', [k, m])), { profile: profiles[tuning], runs: 10_000 }).passes
  it.each([
    [16, 64, 512_000],
    [64, 16, 32_000],
    [128, 352, 2240],
    [128, 128, 2240],
  ])('%i by %i over %i keeps a GPU busy', (m, n, k) => {
    const [sums] = passes(m, n, k)
    expect(sums!.label).toBe('sumParts')
    expect(Number(sums!.grid[0])).toBeGreaterThanOrEqual(256)
    expect(Number(sums!.write.buffer.elements) * 4).toBeLessThanOrEqual(2 ** 24)
  })
  it.each([
    ['many results', 4096, 4096, 4096],
    ['a short k', 64, 64, 128],
    ['few rows', 4, 64, 32_000],
  ])('not those of %s', (_, m, n, k) => {
    expect(passes(m, n, k).map(p => p.label)).toEqual(['einsum'])
  })
  it.each(['lavapipe', 'swiftshader'] as const)('none on %s', tuning => {
    expect(passes(16, 64, 512_000, tuning).map(p => p.label)).not.toContain('sumParts')
  })
  it('is valid WGSL', async () => {
    for (const y of Object.values(programs))
      expect(await refused(lower({ y }, { profile: { ...profiles.gpu, choose } }))).toEqual([])
  })
})
