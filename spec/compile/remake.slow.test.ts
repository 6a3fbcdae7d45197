/** What kernels for few rows make anew on a GPU (remake.test.ts) is right, for each of few rows and for more. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compile, evaluate, inputOf, openDevice, value, type Device, type Loose, type Value } from 'sluice'
import { add, mul, rmsNorm, sigmoid, silu } from 'sluice/ops'
import type { WeightStorage } from '../../lib/compile/pass.ts'
import { distance, opened, rounded, wave } from '../device/stored-weights.ts'
import { gated, product } from './gated.ts'

/** A matrix of small numbers as a storage holds them. */
const held = (rows: number, columns: number, from: number, storage: WeightStorage): Value =>
  value(
    [rows, columns],
    rounded(
      wave(rows * columns, from).map(w => w / 8),
      columns,
      storage,
    ),
  )

describe('what kernels for few rows make anew', () => {
  let device: Device
  beforeAll(async () => {
    device = await opened(openDevice({ profile: { tuning: 'gpu', imageRows: 0, maxInvocations: 64 } }))
  })
  afterAll(() => device.dispose())
  // one block of k's, so that no lanes share them; columns and k's beside whole blocks; lanes with several blocks
  it.each([
    ['f16', 32, 32],
    ['q8', 72, 44],
    ['f16', 320, 64],
  ] as const)('is right in %s for rows of %i and %i hidden', async (storage, width, hidden) => {
    const { outputs } = gated(width, hidden)
    const weights = new Map([
      ['norm.weight', value([width], wave(width, 5))],
      ['gate.weight', held(hidden, width, 1, storage)],
      ['up.weight', held(hidden, width, 2, storage)],
      ['down.weight', held(width, hidden, 3, storage)],
    ])
    const program = await opened(compile(outputs, { device, weights, storage }))
    for (const n of [1, 4, 0, 5, 3]) {
      const feeds = { x: value([n, width], wave(n * width, 4)) }
      const wanted = evaluate(outputs, feeds, { weights })
      if (wanted._tag === 'Left') throw new Error(wanted.left.message)
      const got = await opened(program.run(feeds))
      expect(distance(got['y']!, (wanted.right as typeof got)['y']!)).toBeLessThan(1)
    }
    program.dispose()
  })
  it.each(['f32', 'q4'] as const)(
    'is right in %s for several norms of batches of rows, and one product in another',
    async storage => {
      const [x, z] = [inputOf('x', [2, 2, 64]), inputOf('z', [2, 2, 64])] as [Loose, Loose]
      const [one, two] = [rmsNorm('one')(add(x, z)), rmsNorm('two')(add(x, z))] as [Loose, Loose]
      const inner = mul(silu(product('a', 72, one)), product('b', 72, one))
      const outputs = {
        y: mul(sigmoid(inner), product('c', 72, one)),
        q: product('q', 40, one),
        k: product('k', 40, two),
      }
      const weights = new Map<string, Value>([
        ...['one', 'two'].map((name, i) => [`${name}.weight`, value([64], wave(64, 5 + i))] as const),
        ...['a', 'b', 'c'].map((name, i) => [`${name}.weight`, held(72, 64, i, storage)] as const),
        ...['q', 'k'].map((name, i) => [`${name}.weight`, held(40, 64, 7 + i, storage)] as const),
      ])
      const program = await opened(compile(outputs, { device, weights, storage }))
      const feeds = { x: value([2, 2, 64], wave(256, 4)), z: value([2, 2, 64], wave(256, 9)) }
      const got = await opened(program.run(feeds))
      const wanted = evaluate(outputs, feeds, { weights })
      if (wanted._tag === 'Left') throw new Error(wanted.left.message)
      for (const name of ['y', 'q', 'k'] as const) expect(distance(got[name]!, wanted.right[name]!)).toBeLessThan(1)
      program.dispose()
    },
  )
})
