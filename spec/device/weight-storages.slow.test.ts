/**
 * A program computes with exactly the numbers that its storage of weights holds: any sizes, one row and many, on every kind of device,
 * and in parts where they exceed a binding. SLUICE_SEED repeats a run.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { either as E } from 'fp-ts'
import { compile, indexInput, inputOf, param, value, type Device, type Loose } from 'sluice'
import * as ops from 'sluice/ops'
import { seed } from '../kit/draw.ts'
import { largest } from '../tolerances.ts'
import {
  distance,
  kinds,
  linear,
  opened,
  openKinds,
  rounded,
  storages,
  wantedOf,
  wave,
  weightsFor,
} from './stored-weights.ts'

let devices: ReadonlyMap<string, Device>
beforeAll(async () => {
  devices = await openKinds()
})
afterAll(() => {
  for (const device of devices.values()) device.dispose()
})

interface Drawn {
  readonly kind: (typeof kinds)[number]
  readonly storage: (typeof storages)[number]
  readonly k: number
  readonly n: number
  readonly rows: readonly number[]
  /** the number of rows is a name */
  readonly named: boolean
}
/** What a program makes of stored weights, against the reference with the numbers that the storage holds. */
const computesItsNumbers = async ({ kind, storage, k, n, rows, named }: Drawn): Promise<void> => {
  const weights = weightsFor(k, n, storage)
  const graph = (m: number | 'rows') => linear(inputOf('x', [m, k]) as Loose, n)
  for (const m of named ? ['rows' as const] : rows) {
    const options = { weights, storage, device: devices.get(kind)! }
    const program = await opened(compile(graph(m), options))
    for (const row of named ? rows : [Number(m)]) {
      const feeds = { x: value([row, k], wave(row * k, 3)) }
      const { output } = await opened(program.run(feeds))
      expect(distance(output!, wantedOf(graph(m), feeds, weights))).toBeLessThanOrEqual(1)
    }
    program.dispose()
  }
}

it('computes with the numbers of its storage, any sizes, one row and many, on every kind of device', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        kind: fc.constantFrom(...kinds),
        storage: fc.constantFrom(...storages),
        k: fc.integer({ min: 8, max: 60 }).map(i => 4 * i),
        n: fc.integer({ min: 32, max: 130 }),
        // as many as the narrow device binds at most: rows with a name are not cut
        rows: fc.array(fc.integer({ min: 1, max: 34 }), { minLength: 1, maxLength: 3 }),
        named: fc.boolean(),
      }),
      computesItsNumbers,
    ),
    { seed, numRuns: 15 },
  )
})
it('refuses rows with a name that exceed a binding, and says so', async () => {
  const device = devices.get('narrow')!
  const weights = weightsFor(236, 32, 'f32')
  const program = await opened(compile(linear(inputOf('x', ['rows', 236]) as Loose, 32), { weights, device }))
  const refused = await program.run({ x: value([35, 236], wave(35 * 236, 3)) })()
  expect(refused).toMatchObject(E.left({ kind: 'limit', message: expect.stringContaining('32.3 KiB in one binding') }))
  program.dispose()
})
it('stores two panels one at a time where a binding holds one', () =>
  computesItsNumbers({ kind: 'narrow', storage: 'f32', k: 132, n: 33, rows: [1], named: false }))
it('rounds numbers by no more than half a step of their block', async () => {
  const [n, k] = [64, 128]
  const one = Float32Array.from({ length: k * k }, (_, i) => (i % (k + 1) === 0 ? 1 : 0))
  const w = wave(n * k, 5)
  const step = { q8: 1 / 127 / 2, q4: 1 / 8 / 2 }
  for (const storage of ['q8', 'q4'] as const) {
    const program = await opened(
      compile(ops.linear('fc', n, { bias: false })(inputOf('x', [k, k]) as Loose), {
        weights: new Map([['fc.weight', value([n, k], w)]]),
        storage,
      }),
    )
    const { output } = await opened(program.run({ x: value([k, k], one) }))
    for (let row = 0; row < n; row++)
      for (let from = 0; from < k; from += 32) {
        const block = w.subarray(row * k + from, row * k + from + 32)
        // the last step of Q4_0 is missing on one side; a half has 11 bits
        const most = largest(block) * (storage === 'q4' ? 2 * step.q4 : step.q8) * 1.001 + largest(block) / 2048
        for (const [i, x] of block.entries())
          expect(Math.abs(output!.data[(from + i) * n + row]! - x)).toBeLessThanOrEqual(most)
      }
    program.dispose()
  }
})
it('serves a head of 32,000 columns and its table, each four times as large as a binding', async () => {
  const [n, k] = [32000, 4096]
  const row = wave(k, 3)
  const table = wave(65521, 7)
  const numbers = (first: number, count: number): Float32Array => {
    const made = new Float32Array(count)
    for (let at = 0; at < count;) {
      const from = (first + at) % table.length
      const piece = table.subarray(from, from + Math.min(count - at, table.length - from))
      made.set(piece, at)
      at += piece.length
    }
    return made
  }
  const weight = {
    shape: [n, k],
    read: async () => E.right(numbers(0, n * k)),
    readRange: (first: number, count: number) => async () => E.right(numbers(first, count)),
  }
  const columns = [0, 1, 8191, 16384, 31999]
  for (const storage of ['f32', 'f16'] as const) {
    const graph = {
      scores: ops.linear('head', n, { bias: false })(inputOf('x', [1, k]) as Loose),
      row: ops.take(0)(param('table', [n, k]), indexInput('ids', ['ids'])),
    }
    const weights = { get: () => weight }
    const program = await opened(compile(graph, { weights, storage, device: devices.get('own')! }))
    const got = await opened(program.run({ x: value([1, k], row), ids: value([columns.length], columns, 'index') }))
    for (const [i, column] of columns.entries()) {
      const wanted = rounded(numbers(column * k, k), k, storage)
      const score = wanted.reduce((sum, w, j) => sum + w * row[j]!, 0)
      expect(Math.abs(got.scores!.data[column]! - score)).toBeLessThan(1e-4 * Math.sqrt(k))
      expect(got.row!.data.subarray(i * k, (i + 1) * k)).toEqual(wanted)
    }
    program.dispose()
  }
})
