/**
 * Operands in images: products of every shape against float64, and what the plumbing promises: one copy for all passes that read a value
 * and none of a stale one, weights without a buffer, memory that images share and that follows the sizes of a run.
 */
import { either as E } from 'fp-ts'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  compile,
  evaluate,
  input,
  lower,
  openDevice,
  param,
  pipe,
  state,
  value,
  type AnyTensor,
  type Device,
  type Door,
  type Lowered,
  type Value,
} from 'sluice'
import { add, einsum, gelu, linear, matmul, rearrange, scale, sum } from 'sluice/ops'
import { copiesBefore, imageRowBytes, imagesOf, slotsFor } from '../../lib/compile/images.ts'
import { profiles } from '../compile/profiles.ts'
import { seed } from '../kit/draw.ts'
import { differs, limits } from '../tolerances.ts'

const right = <A>(result: E.Either<{ readonly message: string }, A>): A => {
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}
const opened = async <A>(door: Door<A>): Promise<A> => right(await door())
const numbers = (shape: readonly number[], salt: number): Value =>
  value(
    shape,
    Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      (_, i) => ((((i + 1) * 2654435761 + salt * 40503) >>> 8) % 2001) / 1000 - 1,
    ),
  )
const imagesRead = ({ passes }: Lowered): readonly string[] => imagesOf(passes).map(({ buffer }) => buffer.label)

let device: Device
beforeAll(async () => {
  device = await opened(openDevice())
})
afterAll(() => device.dispose())

/** Runs a graph on the device and holds its result to the reference. */
const agrees = async (
  y: AnyTensor,
  feeds: Readonly<Record<string, Value>>,
  weights: ReadonlyMap<string, Value>,
): Promise<Lowered> => {
  const program = await opened(compile(y, { device, weights }))
  const got = (await opened(program.run(feeds)))['output']!
  program.dispose()
  const wanted = right(evaluate(y, feeds, { weights }))
  expect(differs(got, wanted, limits('accumulate', wanted))).toBeUndefined()
  return program.lowered
}

describe('products', () => {
  const shapes = fc.record({
    batch: fc.constantFrom(1, 1, 3),
    m: fc.integer({ min: 1, max: 70 }),
    named: fc.boolean(),
    n: fc.integer({ min: 128, max: 230 }),
    k: fc.integer({ min: 300, max: 450 }),
    // how the operands lie, and whether b is known before the run
    aAlongM: fc.boolean(),
    bAlongN: fc.boolean(),
    known: fc.boolean(),
  })
  const large = { batch: 1, m: 70, named: false, n: 230, k: 450, aAlongM: false, bAlongN: false, known: true }
  it('of any sizes are what float64 gives', { timeout: 120_000 }, async () => {
    let pictured = 0
    await fc.assert(
      fc.asyncProperty(shapes, async ({ batch, m, named, n, k, aAlongM, bAlongN, known }) => {
        const rows = named ? 'rows' : m + 60
        const count = named ? m : m + 60
        const aShape = (r: typeof rows) => (aAlongM ? [batch, k, r] : [batch, r, k])
        const bShape = bAlongN ? [batch, k, n] : [batch, n, k]
        const product = einsum(`b ${aAlongM ? 'k m' : 'm k'}, b ${bAlongN ? 'k n' : 'n k'} -> b m n`)
        const b: AnyTensor = known ? param('b', bShape) : input('b', bShape as never)
        const y = (product as unknown as (...xs: AnyTensor[]) => AnyTensor)(input('a', aShape(rows) as never), b)
        const a = numbers(aShape(count) as number[], 1)
        const weights = new Map(known ? [['b', numbers(bShape, 2)]] : [])
        const feeds = known ? { a } : { a, b: numbers(bShape, 2) }
        const lowered = await agrees(y, feeds, weights)
        pictured += imagesRead(lowered).length > 0 ? 1 : 0
      }),
      // small ones read buffers, and all that are drawn may be small
      { numRuns: 4, seed, endOnFailure: true, examples: [[large]] },
    )
    if (device.profile.imageRows > 0) expect(pictured, `seed ${seed}`).toBeGreaterThan(0)
  })
  it('end with what follows them, in place of the image that they read too', async () => {
    const x = input('x', ['n', 512])
    const lowered = await agrees(
      add(x, pipe(x, linear('fc', 512), gelu)),
      { x: numbers([37, 512], 3) },
      new Map([
        ['fc.weight', numbers([512, 512], 4)],
        ['fc.bias', numbers([512], 5)],
      ]),
    )
    expect(lowered.passes).toHaveLength(1)
  })
  it('read patches, which do not lie along k, from rows that are copied so', async () => {
    const x = input('x', ['h', 16, 'w', 32])
    const patches = rearrange('h a w b -> (h w) (a b)')(x)
    await agrees(
      matmul(patches, param('w', [512, 384])),
      { x: numbers([7, 16, 5, 32], 6) },
      new Map([['w', numbers([512, 384], 7)]]),
    )
  })
})

describe('images', () => {
  const lowered = (y: AnyTensor | Readonly<Record<string, AnyTensor>>): Lowered =>
    lower(y, { profile: profiles.lavapipe })
  it('are copied once for all passes that read a value', () => {
    const x = pipe(input('x', ['n', 512]), scale(2))
    const { passes } = lowered({
      q: linear('q', 512)(x),
      k: linear('k', 512)(x),
      v: linear('v', 512)(x),
      norm: sum(-1)(x),
    })
    const copies = [...copiesBefore(passes).values()].flat()
    expect(copies.map(c => [c.buffer.label, c.readers.length])).toEqual([['scale', 3]])
  })
  it('of weights are made once, and their buffers freed', async () => {
    const program = await opened(compile(linear('fc', 1024)(input('x', ['n', 1024])), { device }))
    const before = device.counters()
    const plan = right(program.plan({ n: 100 }))
    if (device.profile.imageRows > 0) {
      expect(plan.memory.prepared).toBe(4 * 1024 * 1024)
      expect(plan.memory.images).toBe(4 * imageRowBytes)
      expect(before.bytes).toBe(4 * 1024 * 1024 + 4 * 1024)
    }
    program.dispose()
    expect(device.counters().bytes).toBeLessThan(before.bytes)
  })
  it('follow the sizes of a run, and weights that are loaded again', async () => {
    const [n, k] = [256, 512] as const
    const y = linear('fc', n, { bias: false })(input('x', ['rows', k]))
    const weights = (salt: number) => new Map([['fc.weight', numbers([n, k], salt)]])
    const program = await opened(compile(y, { device, weights: weights(1) }))
    const check = async (rows: number, salt: number): Promise<void> => {
      const x = numbers([rows, k], rows)
      const got = (await opened(program.run({ x })))['output']!
      const wanted = right(evaluate(y, { x }, { weights: weights(salt) }))
      expect(differs(got, wanted, limits('accumulate', wanted))).toBeUndefined()
    }
    for (const rows of [16, 1, 300, 17, 0, 301]) await check(rows, 1)
    const { bytes } = device.counters()
    await opened(program.reload(weights(2)))
    await check(301, 2)
    expect(device.counters().bytes).toBe(bytes)
    program.dispose()
  })
  it('of a state are of what it is now', async () => {
    const [m, k] = [100, 512] as const
    const s = state('s', [m, k])
    const y = matmul(s, param('w', [k, k]))
    const w = numbers([k, k], 2)
    const program = await opened(compile(y, { device, weights: new Map([['w', w]]), next: [[s, scale(0.05)(y)]] }))
    const first = numbers([m, k], 1)
    await opened(program.writeState('s', first))
    let now = first
    for (let step = 0; step < 3; step++) {
      const got = (await opened(program.run()))['output']!
      const wanted = right(
        evaluate(
          y,
          {},
          {
            weights: new Map([
              ['w', w],
              ['s', now],
            ]),
          },
        ),
      )
      expect(differs(got, wanted, limits('block', wanted))).toBeUndefined()
      now = value(
        [m, k],
        Float32Array.from(wanted.data, v => v * 0.05),
      )
    }
    program.dispose()
  })
  it('share textures where their lives do not meet', () => {
    const life = fc.record({ rows: fc.integer({ min: 1, max: 9 }), first: fc.nat(12), length: fc.nat(4) })
    fc.assert(
      fc.property(fc.array(life, { maxLength: 12 }), drawn => {
        const lives = drawn.map(({ rows, first, length }) => {
          return { format: 'rgba32float' as const, rows, first, last: first + length }
        })
        const { slots, slot } = slotsFor(lives)
        for (const [i, a] of lives.entries()) {
          expect(slots[slot[i]!]!.rows).toBeGreaterThanOrEqual(a.rows)
          for (const [j, b] of lives.entries())
            if (i < j && slot[i] === slot[j]) expect(a.last < b.first || b.last < a.first).toBe(true)
        }
        const most = Math.max(0, ...lives.map(a => lives.filter(b => b.first <= a.first && a.first <= b.last).length))
        expect(slots.length).toBeLessThanOrEqual(Math.max(most, 1) * 2)
      }),
      { seed },
    )
  })
  it('are not used where buffers are as fast', () => {
    const y = linear('fc', 1024)(input('x', ['n', 1024]))
    for (const tuning of ['swiftshader', 'gpu'] as const)
      expect(imagesRead(lower(y, { profile: profiles[tuning] }))).toEqual([])
    expect(imagesRead(lowered(y))).toEqual(['packPanels', 'x'])
  })
})
