/** The kernel of attention for one query as a GPU has it, run on whatever device there is: cases, drawn ones, and what is wrong with them. */
import fc from 'fast-check'
import { openDevice, type Device, type DeviceOptions } from 'sluice'
import { opened } from '../device/stored-weights.ts'
import { cases, more, onDevice, type AttentionCase, type Lengths } from './attention-rows.ts'

/** A GPU with so many lanes at most; drivers in software compile this kernel for 1 to 4 s with 64, and for half a minute with 512. */
export const asGpu = (maxInvocations: number): DeviceOptions => ({
  profile: { tuning: 'gpu', subgroup: [32, 32], imageRows: 0, maxInvocations },
})

/** With one to four heads that share their keys. */
export const oneQuery: readonly AttentionCase[] = [
  ...[...cases, ...more]
    .filter(({ bias, heads, groups }) => bias === undefined && heads <= 4 * groups)
    .map(of => ({ ...of, self: false })),
  { name: 'heads of their own', heads: 2, groups: 2, width: 128, causal: true },
  { name: 'three heads to one', heads: 6, groups: 2, width: 64, valueWidth: 20, keyMask: true },
  { name: 'narrow heads', heads: 30, groups: 15, width: 4, valueWidth: 8 },
]

/** A case that the kernel alone is compiled for, and a length. */
const multiples = fc.integer({ min: 1, max: 32 }).map(n => 4 * n)
export const drawn: fc.Arbitrary<readonly [AttentionCase, number]> = fc
  .record({
    rows: fc.integer({ min: 1, max: 4 }),
    groups: fc.integer({ min: 1, max: 3 }),
    width: multiples,
    valueWidth: multiples,
    batch: fc.integer({ min: 1, max: 2 }),
    causal: fc.boolean(),
    keyMask: fc.boolean(),
    offset: fc.option(fc.integer({ min: 0, max: 300 }), { nil: undefined }),
    keys: fc.integer({ min: 1, max: 700 }),
  })
  .map(({ rows, groups, offset, keys, ...of }) => {
    // fewer heads would be too little work for a kernel of its own
    const many = Math.max(groups, Math.ceil(80 / (rows * of.width)))
    const causal = of.causal && offset !== undefined ? { offset } : {}
    return [{ ...of, ...causal, name: 'drawn', one: true, heads: rows * many, groups: many }, keys]
  })

/** Lengths around those at which eights, teams and steps of a workgroup end. */
export const edges = [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129, 255, 257, 577, 641]

/** What is wrong at these lengths, and where a position is given, with keys after it as well. */
export const wrongOfOneQuery = async (
  of: AttentionCase,
  device: Device,
  lengths: readonly number[],
  seed: number,
): Promise<readonly string[]> => {
  const checked = await onDevice(of, device)
  const labels = checked.labels.filter(label => label !== 'toTruth' && label !== 'attention')
  const wrong = labels.map(label => `${JSON.stringify(of)} is computed by ${label}`)
  for (const keys of lengths) {
    const beyond =
      of.causal === true && of.offset === undefined ? [...new Set([0, 1 % keys, (seed + 7 * keys) % keys])] : [0]
    for (const unwritten of beyond) {
      const at: Lengths = { queries: 1, keys, unwritten }
      const found = await checked.at(at, seed + keys)
      if (found !== undefined) wrong.push(`${JSON.stringify([of, at])}: ${found}`)
    }
  }
  checked.dispose()
  return wrong
}

/** Uses a device that is closed afterwards. */
export const withDevice = async <A>(options: DeviceOptions, use: (device: Device) => Promise<A>): Promise<A> => {
  const device = await opened(openDevice(options))
  try {
    return await use(device)
  } finally {
    device.dispose()
  }
}
