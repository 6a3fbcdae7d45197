/** A state that changes in part is written in place: a key-value cache costs a token what the token needs. */
import { either as E } from 'fp-ts'
import { expect, it, vi } from 'vitest'
import {
  compile,
  constant,
  indexInput,
  input,
  op,
  openDevice,
  pointwise,
  signatureRule,
  state,
  value,
  wgsl,
} from 'sluice'
import { add, einsum, exp, mul, sum, updateSlice } from 'sluice/ops'
import { lower } from '../../lib/compile/lower.ts'
import { profiles } from '../compile/profiles.ts'
import { opened } from './stored-weights.ts'

const cache = state('cache', [6, 8])
const rows = input('rows', ['n', 8])
const grown = updateSlice(0)(cache, rows, indexInput('at', [1]))

it('is one pass over what changes, and no copy', () => {
  const { passes, next } = lower({ total: sum(0)(grown) }, { profile: profiles.lavapipe, next: [[cache, grown]] })
  expect(next.map(n => n.state.id === n.from.id)).toEqual([true])
  expect(passes.map(p => [p.label, p.grid[0]])).toEqual([
    ['updateSlice', 'floor(31+8·n,32)'],
    ['sum', 1],
  ])
})
it('keeps the old value where something else reads it', () => {
  const { next } = lower({ both: add(cache, grown) }, { profile: profiles.lavapipe, next: [[cache, grown]] })
  expect(next.map(n => n.state.id === n.from.id)).toEqual([false])
})
it('grows from run to run on the device', async () => {
  const program = await compile({ total: sum(0)(grown) }, { next: [[cache, grown]] })()
  if (E.isLeft(program)) throw new Error(program.left.message)
  const totals: number[] = []
  for (const [at, n] of [
    [0, 2],
    [2, 1],
    [5, 1],
  ] as const) {
    const feeds = { rows: value([n, 8], new Float32Array(8 * n).fill(at + 1)), at: value([1], [at], 'index') }
    const ran = await program.right.run(feeds)()
    if (E.isLeft(ran)) throw new Error(ran.left.message)
    totals.push(ran.right['total']?.data[0] as number)
  }
  expect(totals).toEqual([2, 5, 11])
  const held = await program.right.readState('cache')()
  expect(E.isRight(held) && [0, 1, 2, 3, 5].map(r => held.right.data[8 * r])).toEqual([1, 1, 3, 0, 6])
  program.right.dispose()
})
it('writes nothing beyond its end', async () => {
  const program = await compile({ total: sum(0)(grown) }, { next: [[cache, grown]] })()
  if (E.isLeft(program)) throw new Error(program.left.message)
  await program.right.run({ rows: value([2, 8], new Float32Array(16).fill(1)), at: value([1], [5], 'index') })()
  const held = await program.right.readState('cache')()
  expect(E.isRight(held) && Array.from(held.right.data).reduce((a, b) => a + b, 0)).toBe(8)
  program.right.dispose()
})
it('is as it was at first after a reset, also where that is not zero', async () => {
  const scaled = state('scaled', [2], { init: 'constant', value: 3 })
  const outputs = { total: sum(0)(grown), twice: add(scaled, scaled) }
  const program = await compile(outputs, {
    next: [
      [cache, grown],
      [scaled, outputs.twice],
    ],
  })()
  if (E.isLeft(program)) throw new Error(program.left.message)
  const held = async (): Promise<readonly number[]> => {
    const read = [await program.right.readState('cache')(), await program.right.readState('scaled')()]
    return read.flatMap(value => (E.isRight(value) ? [...value.right.data] : []))
  }
  const first = await held()
  expect(first).toEqual([...new Array(48).fill(0), 3, 3])
  await program.right.run({ rows: value([1, 8], new Float32Array(8).fill(7)), at: value([1], [2], 'index') })()
  expect((await held()).filter(x => x !== 0)).toEqual([7, 7, 7, 7, 7, 7, 7, 7, 6, 6])
  expect(E.isRight(await program.right.reset())).toBe(true)
  expect(await held()).toEqual(first)
  program.right.dispose()
})

const weight = state('weight', [4, 8], { init: 'constant', value: 2 })
const seen = input('seen', [3, 8])
const product = einsum('n i, o i -> n o')(seen, weight)
const decayed = mul(weight, constant(0.5))

it('is written over where every element follows from itself, after all that reads the old value', async () => {
  // the loss is asked for after the update in the list of outputs, and still sees the weight of before
  const outputs = { decayed, product }
  const lowered = lower(outputs, { profile: profiles.lavapipe, next: [[weight, decayed]] })
  expect(lowered.next.map(n => n.state.id === n.from.id)).toEqual([true])
  expect(lowered.passes.map(p => p.label).at(-1)).toBe('mul')
  const program = await compile(outputs, { next: [[weight, decayed]] })()
  if (E.isLeft(program)) throw new Error(program.left.message)
  const sums: number[] = []
  for (let k = 0; k < 3; k++) {
    const ran = await program.right.run({ seen: new Float32Array(24).fill(1) })()
    if (E.isLeft(ran)) throw new Error(ran.left.message)
    sums.push(ran.right['product']!.data[11]!, ran.right['decayed']!.data[31]!)
  }
  expect(sums).toEqual([16, 1, 8, 0.5, 4, 0.25])
  program.right.dispose()
})
it('is copied where the old value is needed to compute from the new one', () => {
  const both = add(sum(0, 1)(mul(weight, weight)), sum(0, 1)(decayed))
  const late = mul(both, sum(0, 1)(mul(decayed, weight)))
  const { next } = lower({ late }, { profile: profiles.lavapipe, next: [[weight, decayed]] })
  expect(next.map(n => n.state.id === n.from.id)).toEqual([false])
})
it('swaps two states that become each other', async () => {
  const [a, b] = [state('a', [5], { init: 'constant', value: 1 }), state('b', [5], { init: 'constant', value: 2 })]
  const next = [
    [a, add(b, constant(1))],
    [b, add(a, constant(1))],
  ] as const
  const program = await compile({ a: add(a, constant(0)) }, { next })()
  if (E.isLeft(program)) throw new Error(program.left.message)
  await program.right.run({})()
  await program.right.run({})()
  const held = [await program.right.readState('a')(), await program.right.readState('b')()]
  expect(held.map(v => E.isRight(v) && v.right.data[4])).toEqual([3, 4])
  program.right.dispose()
})

it.each(['lavapipe', 'gpu'] as const)('stays as it was where others advance, on %s', async tuning => {
  const other = state('other', [6, 8])
  const at = indexInput('at', [1])
  // as keys and values of a token are: on a GPU one pass writes both
  const changed = updateSlice(0)(other, rows, at)
  const outputs = { total: sum(0)(add(grown, changed)) }
  const next = [
    [cache, grown],
    [other, changed],
  ] as const
  const { passes } = lower(outputs, { profile: profiles[tuning], next })
  expect(passes.some(p => p.also !== undefined)).toBe(tuning === 'gpu')
  const device = await opened(openDevice({ profile: { ...(tuning === 'gpu' ? { tuning, imageRows: 0 } : {}) } }))
  const program = await opened(compile(outputs, { next, device }))
  const sums = async () =>
    Promise.all(
      ['cache', 'other'].map(async name =>
        [...(await opened(program.readState(name))).data].reduce((a, b) => a + b, 0),
      ),
    )
  const feeds = (n: number) => ({ rows: value([n, 8], new Float32Array(8 * n).fill(1)), at: value([1], [0], 'index') })
  await opened(program.run(feeds(1)))
  expect(await sums()).toEqual([8, 8])
  const { total } = await opened(program.run(feeds(3), { advance: ['other'] }))
  expect(total!.data[0]).toBe(6)
  expect(await sums()).toEqual([8, 24])
  await opened(program.run(feeds(4), { advance: [] }))
  expect(await sums()).toEqual([8, 24])
  device.dispose()
})

it('stays as it was where a run is interrupted half-way, which leaves nothing behind', async () => {
  const device = await opened(openDevice())
  // much to do by what it says, so that the device is waited for in between
  const heavy = op('heavy', {
    kinds: 'float -> float',
    rule: signatureRule('...s -> ...s'),
    ...pointwise(
      x => x! + 1,
      x => wgsl`(${x!} + 1.0)`,
    ),
    flops: () => 6e11,
  }) as <T>(x: T) => T
  const [held, x] = [state('held', [8]), input('x', [8])]
  const next = add(held, x)
  const outputs = { y: heavy(exp(heavy(exp(x)))), z: exp(next) }
  const program = await opened(compile(outputs, { device, next: [[held, next]] }))
  const feeds = { x: new Float32Array(8).fill(1) }
  await opened(program.run(feeds, { advance: [] }))
  const bytes = new Set<number>()
  for (let round = 0; round < 3; round++) {
    const stop = new AbortController()
    const settled = vi.spyOn(device.gpu.queue, 'onSubmittedWorkDone').mockImplementationOnce(() => {
      stop.abort()
      return Promise.resolve(undefined)
    })
    const ended = await program.run(feeds, { advance: [], signal: stop.signal })()
    settled.mockRestore()
    expect(ended).toMatchObject({ left: { kind: 'interrupted' } })
    expect([...(await opened(program.readState('held'))).data]).toEqual(Array(8).fill(0))
    bytes.add(device.counters().bytes)
  }
  expect(bytes.size).toBe(1)
  device.dispose()
})
