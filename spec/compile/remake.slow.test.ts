/** What kernels for few rows make anew on a GPU (remake.test.ts) is right, for each of few rows and for more. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compile, evaluate, openDevice, value, type Device } from 'sluice'
import { distance, opened, rounded, wave } from '../device/stored-weights.ts'
import { gated } from './gated.ts'

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
    const held = (rows: number, columns: number, from: number) =>
      value(
        [rows, columns],
        rounded(
          wave(rows * columns, from).map(w => w / 8),
          columns,
          storage,
        ),
      )
    const weights = new Map([
      ['norm.weight', value([width], wave(width, 5))],
      ['gate.weight', held(hidden, width, 1)],
      ['up.weight', held(hidden, width, 2)],
      ['down.weight', held(width, hidden, 3)],
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
})
