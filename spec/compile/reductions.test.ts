/** Reductions on a GPU: lanes of a team stand along rows that lie side by side in memory, and their columns are divided among the lanes. */
import { either as E } from 'fp-ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  compile,
  evaluate,
  input,
  inputOf,
  lower,
  openDevice,
  type AnyTensor,
  type Device,
  type Loose,
  type Value,
} from 'sluice'
import { add, argmax, argmin, exp, max, min, mul, softmaxOver, sum } from 'sluice/ops'
import { wave } from '../device/stored-weights.ts'
import { differs, limits } from '../tolerances.ts'
import { profiles, refused } from './profiles.ts'

const rows = (n: number) => inputOf('x', ['k', n]) as Loose
const bias = input('bias', [16]) as Loose
/** how many rows there are, and what is made of them */
const programs: Readonly<Record<string, readonly [width: number, of: AnyTensor]>> = {
  'a sum': [16, sum(0)(rows(16))],
  'a sum of more rows than a team has': [36, sum(0)(rows(36))],
  'a largest number': [12, max(0)(rows(12))],
  'what is finished element by element': [20, softmaxOver(0)(rows(20))],
  'with what comes before and after': [16, add(exp(bias), sum(0)(mul(rows(16), bias)))],
}
const numbers = (shape: readonly number[], from: number): Value => {
  const count = shape.reduce((n, d) => n * d, 1)
  return { kind: 'float', shape, data: wave(count, from) }
}
const right = <A>(result: E.Either<{ readonly message: string }, A>): A => {
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}

describe('rows that lie side by side, on a device as a GPU uses it', () => {
  let device: Device
  beforeAll(async () => {
    device = right(await openDevice({ profile: { tuning: 'gpu', imageRows: 0 } })())
  })
  afterAll(() => device.dispose())
  it.each(Object.entries(programs))('%s', async (name, [width, y]) => {
    const { lowered, run, dispose } = right(await compile({ y }, { device })())
    expect(lowered.passes.at(-1)!.wgsl).toContain('let first = i32(group.y * 32768u + group.x) * 8;')
    for (const k of [1031, 256, 3]) {
      const feeds = { x: numbers([k, width], 1), ...(name.startsWith('with') ? { bias: numbers([16], 2) } : {}) }
      const [got, wanted] = [right(await run(feeds)()).y!, right(evaluate({ y }, feeds)).y!]
      expect(differs(got, wanted, limits('accumulate', wanted))).toBeUndefined()
    }
    dispose()
  })
  it('positions of the largest and smallest along them', async () => {
    const x = input('x', [300, 20])
    const y = { largest: argmax(0)(x), smallest: argmin(0)(x) }
    const { run, dispose } = right(await compile(y, { device })())
    const feeds = { x: numbers([300, 20], 1) }
    const [got, wanted] = [right(await run(feeds)()), right(evaluate(y, feeds))]
    for (const name of ['largest', 'smallest'] as const) expect([...got[name]!.data]).toEqual([...wanted[name]!.data])
    dispose()
  })
  it('long rows one by one, by many lanes', async () => {
    const y = sum(-1)(input('x', [3, 8192]))
    const { lowered, run, dispose } = right(await compile({ y }, { device })())
    expect(lowered.passes[0]!.wgsl).toContain('@workgroup_size(512)')
    const feeds = { x: numbers([3, 8192], 1) }
    const [got, wanted] = [right(await run(feeds)()).y!, right(evaluate({ y }, feeds)).y!]
    expect(differs(got, wanted, limits('accumulate', wanted))).toBeUndefined()
    dispose()
  })
  it('where the largest is, the first of equals, by many lanes', async () => {
    const of = input('x', [4, 8192])
    const y = { most: argmax(-1)(of), least: argmin(-1)(of) }
    const { lowered, run, dispose } = right(await compile(y, { device })())
    expect(lowered.passes.map(({ wgsl }) => /@workgroup_size\((\d+)\)/.exec(wgsl)?.[1])).toEqual(['512', '512'])
    const x = numbers([4, 8192], 1)
    for (const at of [5000, 77, 8000, 589]) x.data[at] = 9
    for (const at of [6000, 6001, 4]) x.data[8192 + at] = NaN
    x.data[3 * 8192 - 1] = -9
    x.data.fill(0.5, 3 * 8192)
    const [got, wanted] = [right(await run({ x })()), right(evaluate(y, { x }))]
    expect([...got.most!.data]).toEqual([...wanted.most!.data])
    expect([...got.least!.data]).toEqual([...wanted.least!.data])
    expect([...got.most!.data].toSpliced(2, 1)).toEqual([77, 4, 0])
    dispose()
  })
})

// drivers may compile as if no number were NaN
describe.each([
  ['a device as it is', {}],
  ['a device as a GPU uses it', { tuning: 'gpu', imageRows: 0 } as const],
])('a NaN wins on %s', (_, profile) => {
  it.each([5, 36, 1031])('among %i numbers, wherever it stands', async n => {
    const of = inputOf('x', [4, n]) as Loose
    const y = { most: max(-1)(of), least: min(-1)(of), where: argmax(-1)(of), whereLeast: argmin(-1)(of) }
    const device = right(await openDevice({ profile })())
    const { run } = right(await compile(y, { device })())
    const x = numbers([4, n], 1)
    for (const [row, at] of [0, Math.floor(n / 2), n - 1].entries()) x.data[row * n + at] = NaN
    const [got, wanted] = [right(await run({ x })()), right(evaluate(y, { x }))]
    for (const name of ['most', 'least', 'where', 'whereLeast'] as const)
      expect([...got[name]!.data]).toEqual([...wanted[name]!.data])
    expect([...got.most!.data].map(v => Number.isNaN(v))).toEqual([true, true, true, false])
    device.dispose()
  })
})

describe('how many lanes a team has', () => {
  const text = (of: AnyTensor, tuning: keyof typeof profiles = 'gpu'): string =>
    lower(of, { profile: { ...profiles[tuning], maxInvocations: 1024 } }).passes[0]!.wgsl
  it('more for longer columns, and one where rows are enough', () => {
    expect(text(sum(0)(input('x', [2240, 352])))).toContain('@workgroup_size(256)')
    expect(text(sum(0)(input('x', [51_200, 16])))).toContain('@workgroup_size(1024)')
    expect(text(sum(0)(input('x', [300, 20_000])))).not.toContain('var<workgroup>')
    expect(text(sum(0)(input('x', [51_200, 16])), 'lavapipe')).not.toContain('let first')
  })
  it('is valid WGSL', async () => {
    for (const [, y] of Object.values(programs)) expect(await refused(lower(y, { profile: profiles.gpu }))).toEqual([])
  })
})
