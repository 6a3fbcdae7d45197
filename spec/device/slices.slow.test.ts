/**
 * What is larger than a binding runs in parts and gives the same numbers as whole: every form, on a device that is made to believe that
 * it binds no more than a few kilobytes. A part mostly takes the schedule of the whole, and then has the same bits; where its rows do not
 * fill the vectors that the whole's fill (136 rows of 3 channels), sums are added in another order. SLUICE_SEED repeats a run.
 */
import { either as E, taskEither as TE } from 'fp-ts'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { compile, inputOf, loosely, openDevice, scope, value, type Door, type Loose } from 'sluice'
import * as ops from 'sluice/ops'
import type { Device } from '../../lib/device/device.ts'
import { seed } from '../kit/draw.ts'
import { differs, limits } from '../tolerances.ts'

const opened = async <A>(door: Door<A>): Promise<A> => {
  const result = await door()
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}
const maxBinding = 4096
let whole: Device
let narrow: Device
beforeAll(async () => {
  whole = await opened(openDevice())
  narrow = await opened(openDevice({ profile: { maxBinding } }))
})
afterAll(() => {
  for (const device of [whole, narrow]) device.dispose()
})

/** What can follow on a map [rows, columns, channels]. */
const steps: Readonly<Record<string, (x: Loose) => Loose>> = {
  each: x => ops.add(x, ops.exp(x)),
  broadcast: x => loosely(() => ops.mul)()(x, ops.reduce('mean', 'h w c -> w c')(x)),
  norm: x => ops.layerNorm('norm')(x),
  softmax: x => ops.softmax(x),
  product: x => ops.gelu(ops.linear('product', 12)(x)),
  'product of rows': x => ops.rearrange('c h w -> h w c')(ops.linear('rows', 8)(ops.rearrange('h w c -> c h w')(x))),
  residual: x => ops.add(x, ops.linear('residual', Number(x.shape[2]))(x)),
  neighbours: x =>
    conv(x, 'depthwise', { out: Number(x.shape[2]), kernel: 7, padding: 'same', groups: Number(x.shape[2]) }),
  convolution: x => conv(x, 'convolution', { out: 8, kernel: 3, padding: 'same' }),
  tiles: x => conv(x, 'tiles', { out: 8, kernel: 2, stride: 2 }),
  transpose: x => ops.rearrange('h w c -> w h c')(x) as Loose,
  concat: x => ops.concat(0)(x, ops.scale(2)(x)) as Loose,
  shifted: x => loosely(ops.slice)({ axis: 0, start: 3 })(x),
  larger: x =>
    firstLast(ops.interpolate({ size: [2 * Number(x.shape[0]), Number(x.shape[1])] })(lastFirst(x)) as Loose),
  columns: x => ops.reduce('max', 'h w c -> w 1 c')(x) as Loose,
}
/** Rows and columns that a step needs, where one of each is not enough. */
const least: Readonly<Record<string, readonly [rows: number, columns: number]>> = { tiles: [2, 2], shifted: [4, 1] }
const fits = (name: string, { shape: [rows, columns] }: Loose): boolean => {
  const [leastRows, leastColumns] = least[name] ?? [1, 1]
  return Number(rows) >= leastRows && Number(columns) >= leastColumns
}
const lastFirst = (x: Loose): Loose => ops.rearrange('h w c -> c h w')(x) as Loose
const firstLast = (x: Loose): Loose => ops.rearrange('c h w -> h w c')(x) as Loose
const conv = (x: Loose, name: string, options: object): Loose =>
  firstLast(loosely(ops.conv2d as never)(name, options)(lastFirst(x)) as Loose)

it('gives the same numbers in parts as whole', async () => {
  const names = Object.keys(steps)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }),
      fc.record({
        h: fc.constantFrom(120, 136),
        w: fc.constant(4),
        c: fc.constantFrom(3, 4, 8),
      }),
      async (chain, { h, w, c }) => {
        let x: Loose = inputOf('x', [h, w, c]) as Loose
        for (const [i, name] of chain.entries()) {
          fc.pre(fits(name, x))
          x = scope(`${i}`, steps[name]!)(x)
        }
        const feeds = {
          x: value(
            [h, w, c],
            Float32Array.from({ length: h * w * c }, (_, i) => Math.sin(i * i)),
          ),
        }
        const compiled = (device: Device) => compile({ x }, { device, seed: 1 })()
        const attempt = await compiled(narrow)
        // a stride over what is sixteen times a binding needs more windows than a kernel may bind: that is refused
        if (E.isLeft(attempt)) expect(attempt.left.message).toContain('storage buffers, but this adapter allows')
        fc.pre(E.isRight(attempt))
        const [one, many] = [await opened(() => compiled(whole)), await opened(TE.fromEither(attempt))]
        const [wanted, got] = [(await opened(one.run(feeds))).x!, (await opened(many.run(feeds))).x!]
        const operands = many.lowered.passes.flatMap(pass => [...pass.reads, pass.write])
        expect(operands.some(operand => operand.slice !== undefined)).toBe(true)
        expect(differs(got, wanted, limits('block', wanted))).toBe(undefined)
        one.dispose()
        many.dispose()
      },
    ),
    { seed, numRuns: 12 },
  )
})
