/** What a model runs on: the device and the references do the same, also where only some outputs and some states are asked for. */
import { afterAll, describe, expect, it } from 'vitest'
import { constantIndex, indexInput, indexState, input, named, openDevice, op, state, value } from 'sluice'
import { add, less, where } from 'sluice/ops'
import { byReference, onDevice, type Engine, type Outputs, type Prepared } from '../../models/answer/engine.ts'
import { right } from './values.ts'

const device = right(await openDevice()())
afterAll(() => device.dispose())
const engines: readonly (readonly [string, Engine])[] = [
  ['the device', onDevice({ device })],
  ['the references', byReference],
]

const id = indexInput('id', [1])
const outputs: Outputs = {
  total: named('total')(add(state('total', [2]), input('x', [2]))),
  // below 0 it is the last that was not
  last: named('last')(where(less(id, constantIndex(0)), indexState('last', [1]), id)),
}
describe.each(engines)('states on %s', (_, engine) => {
  const using = async (use: (prepared: Prepared) => Promise<void>): Promise<void> => {
    const prepared = right(await engine(outputs, new Map())())
    await use(prepared)
    prepared.dispose()
  }
  const found =
    ({ run }: Prepared) =>
    async (x: number, last: number, options?: Parameters<Prepared['run']>[1]) => {
      const values = right(await run({ x: [x, x], id: value([1], [last], 'index') }, options)())
      return Object.fromEntries(Object.entries(values).map(([name, { kind, data }]) => [name, [kind, data[0]]]))
    }
  it('are numbers and indices, and as at first after a reset', () =>
    using(async prepared => {
      const run = found(prepared)
      expect(await run(1.5, 2 ** 24 + 1)).toEqual({ total: ['float', 1.5], last: ['index', 2 ** 24 + 1] })
      expect(await run(1, -1)).toEqual({ total: ['float', 2.5], last: ['index', 2 ** 24 + 1] })
      right(await prepared.reset())
      expect(await run(1, -1)).toEqual({ total: ['float', 1], last: ['index', 0] })
    }))
  it('refuse a feed that is no input', () =>
    using(async ({ run }) => {
      const fed = run({ x: [1, 1], id: value([1], [1], 'index'), y: [1] }, { only: [], advance: ['total'] })
      expect(await fed()).toMatchObject({ left: { kind: 'feed', name: 'y' } })
    }))
  it('advance where that is asked for', () =>
    using(async prepared => {
      const run = found(prepared)
      expect(await run(1, 5)).toEqual({ total: ['float', 1], last: ['index', 5] })
      expect(await run(1, 6, { advance: ['total'], only: [] })).toEqual({})
      expect(await run(0, -1, { advance: [], only: ['last'] })).toEqual({ last: ['index', 5] })
      expect(await run(9, 7, { advance: ['last'], only: ['last'] })).toEqual({ last: ['index', 7] })
      expect(await run(0, -1)).toEqual({ total: ['float', 2], last: ['index', 7] })
    }))
})

it('the references compute no state that does not advance', async () => {
  let computed = 0
  const noted = op('noted', {
    rule: '...s -> ...s',
    reference: ([x]) => {
      computed++
      return x!.data
    },
  })
  const counted = noted(input('x', [2]))
  const { run } = right(await byReference({ seen: named('seen')(add(state('seen', [2]), counted)) }, new Map())())
  for (const [advance, times] of [
    [['seen'], 1],
    [[], 1],
    [undefined, 2],
  ] as const) {
    right(await run({ x: [1, 2] }, { only: [], ...(advance === undefined ? {} : { advance }) })())
    expect(computed).toBe(times)
  }
})
it('says whether runs overlap', async () => {
  for (const [name, engine] of engines) {
    const prepared = right(await engine(outputs, new Map())())
    expect(prepared.overlaps ?? false).toBe(name === 'the device')
    prepared.dispose()
  }
})
