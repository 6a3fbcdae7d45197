/** What the tests of stored weights share: devices of every kind, and numbers as the host's codecs round them. */
import { either as E } from 'fp-ts'
import { evaluate, openDevice, value, type Device, type Door, type Loose, type Value } from 'sluice'
import * as ops from 'sluice/ops'
import type { WeightStorage } from '../../lib/compile/pass.ts'
import {
  dequantizeQ4_0,
  dequantizeQ8_0,
  fromF16,
  quantizeQ4_0,
  quantizeQ8_0,
  toF16,
} from '../../lib/weights/number-formats.ts'
import { profiles } from '../compile/profiles.ts'
import { limits } from '../tolerances.ts'

export const opened = async <A>(door: Door<A>): Promise<A> => {
  const result = await door()
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}
export const kinds = ['own', 'swiftshader', 'gpu', 'narrow'] as const
/** The device there is; as other kinds of device use it; and as one that binds little at once. */
export const openKinds = async (): Promise<ReadonlyMap<(typeof kinds)[number], Device>> => {
  const as = ({ tuning, subgroup, imageRows }: (typeof profiles)['gpu']): Promise<Device> =>
    opened(openDevice({ profile: { tuning, subgroup, imageRows } }))
  return new Map([
    ['own', await opened(openDevice())],
    ['swiftshader', await as(profiles.swiftshader)],
    ['gpu', await as(profiles.gpu)],
    ['narrow', await opened(openDevice({ profile: { maxBinding: 2 ** 15 } }))],
  ])
}

export const storages = ['f32', 'f16', 'q8', 'q4'] as const
export const wave = (count: number, start: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin((i + start) * (i % 97) + start))
/** Rows of numbers as a storage holds them, by the codecs of the host: blocks of 32 along a row, zeros behind its end. */
export const rounded = (x: Float32Array, columns: number, storage: WeightStorage): Float32Array => {
  if (storage === 'f32') return x
  if (storage === 'f16') return fromF16(toF16(x))
  const wide = Math.ceil(columns / 32) * 32
  const rows = x.length / columns
  const padded = new Float32Array(rows * wide)
  for (let row = 0; row < rows; row++) padded.set(x.subarray(row * columns, (row + 1) * columns), row * wide)
  const held =
    storage === 'q8' ? dequantizeQ8_0(quantizeQ8_0(padded, wide)) : dequantizeQ4_0(quantizeQ4_0(padded, wide))
  return Float32Array.from({ length: x.length }, (_, i) => held[Math.floor(i / columns) * wide + (i % columns)]!)
}
export const linear = (x: Loose, n: number): Loose => ops.gelu(ops.linear('fc', n)(x))
export const weightsFor = (k: number, n: number, storage: WeightStorage): ReadonlyMap<string, Value> =>
  new Map([
    ['fc.weight', value([n, k], rounded(wave(n * k, 1), k, storage))],
    ['fc.bias', value([n], wave(n, 2))],
  ])
export const distance = (got: Value, wanted: Value): number => {
  const { atol, rtol } = limits('accumulate', wanted)
  return [...wanted.data].reduce(
    (most, x, i) => Math.max(most, Math.abs(got.data[i]! - x) / (atol + rtol * Math.abs(x))),
    0,
  )
}
export const wantedOf = (
  graph: Loose,
  feeds: Readonly<Record<string, Value>>,
  weights: ReadonlyMap<string, Value>,
): Value => {
  const found = evaluate(graph, feeds, { weights })
  if (E.isLeft(found)) throw new Error(found.left.message)
  return found.right
}
