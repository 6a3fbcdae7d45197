/** Numbers as the bytes of a buffer and back: what is float, index or truth to the graph is f32, i32 or f16 to a kernel. */
import type { Storage } from '../compile/pass.ts'
import type { Kind, Numbers } from '../graph/index.ts'
import { fromF16, toF16 } from '../weights/number-formats.ts'

const viewOf = (x: Float32Array | Int32Array | Uint16Array): Uint8Array<ArrayBuffer> =>
  new Uint8Array(x.buffer as ArrayBuffer, x.byteOffset, x.byteLength)
const asFloats = (x: Numbers): Float32Array => (x instanceof Float32Array ? x : Float32Array.from(x))

/** The bytes of numbers in a storage; a view where nothing changes. Padded to whole words, which is what a queue can write. */
export const toBytes = (numbers: Numbers, storage: Storage): Uint8Array<ArrayBuffer> => {
  if (storage === 'f32') return viewOf(asFloats(numbers))
  if (storage === 'i32') return viewOf(numbers instanceof Int32Array ? numbers : Int32Array.from(numbers))
  const halves = toF16(asFloats(numbers))
  if (halves.length % 2 === 0) return viewOf(halves)
  const padded = new Uint16Array(halves.length + 1)
  padded.set(halves)
  return viewOf(padded)
}

/** The first `count` numbers of bytes that a kernel wrote, copied: floats as Float32Array, whole numbers as Int32Array. */
export const fromBytes = (
  bytes: ArrayBuffer,
  count: number,
  storage: Storage,
  kind: Kind,
): Float32Array | Int32Array => {
  const stored =
    storage === 'f16'
      ? fromF16(new Uint16Array(bytes, 0, count))
      : storage === 'f32'
        ? new Float32Array(bytes, 0, count)
        : new Int32Array(bytes, 0, count)
  return kind === 'float' ? Float32Array.from(stored) : Int32Array.from(stored)
}
