/**
 * The tensors of a golden safetensors file. Deliberately not lib/weights: a judge reads its evidence itself. Trusted
 * input only.
 */
import { readFileSync } from 'node:fs'

export interface GoldenTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data: Float32Array | Int32Array | Uint16Array | Int8Array | Uint8Array
}

const views = { F32: Float32Array, I32: Int32Array, U16: Uint16Array, I8: Int8Array, U8: Uint8Array }

export const goldenTensors = (file: string): ReadonlyMap<string, GoldenTensor> => {
  const bytes = readFileSync(file)
  const start = 8 + Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.toString('utf8', 8, start)) as Record<
    string,
    { dtype: keyof typeof views; shape: number[]; data_offsets: [number, number] }
  >
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__')
  return new Map(
    entries.map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => {
        const raw = new Uint8Array(bytes.subarray(start + from, start + to))
        return [name, { dtype, shape, data: new views[dtype](raw.buffer) }]
      },
    ),
  )
}
