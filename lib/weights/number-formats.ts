/**
 * The number formats weights are stored in, to and from float32: IEEE half, bfloat16, int8 rows with one scale, and the
 * blocks of 32 that ggml calls Q8_0 and Q4_0. Written out because JavaScript's Float16Array is missing before Node 24
 * and its polyfills are thirty times slower than this. 16-bit floats travel as their bit patterns in a Uint16Array.
 *
 * Block layouts: ggml-org/ggml, src/ggml-quants.c (types Q4_0 and Q8_0).
 */
import { ShapeError } from '../shape/shape-error.ts'

const wordsOf = (x: Float32Array): Uint32Array => new Uint32Array(x.buffer, x.byteOffset, x.length)

/** The half nearest to a float32 given by its bits: ties to even, overflow to infinity, subnormals kept, NaN quiet. */
const halfOf = (word: number): number => {
  const sign = (word >>> 16) & 0x8000
  const size = word & 0x7fffffff
  if (size > 0x7f800000) return sign | 0x7e00 | ((size >>> 13) & 0x3ff)
  if (size >= 0x477ff000) return sign | 0x7c00
  if (size >= 0x38800000) return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13)
  if (size <= 0x33000000) return sign
  const shift = 126 - (size >>> 23)
  const mantissa = (size & 0x7fffff) | 0x800000
  return sign | ((mantissa + (1 << (shift - 1)) - 1 + ((mantissa >>> shift) & 1)) >>> shift)
}

/** float32 → IEEE half bits. Rounds to nearest, ties to even; overflow becomes infinity; subnormals are kept. */
export const toF16 = (x: Float32Array): Uint16Array => {
  const words = wordsOf(x)
  const bits = new Uint16Array(x.length)
  for (let i = 0; i < bits.length; i++) bits[i] = halfOf(words[i]!)
  return bits
}

/** IEEE half bits → float32, exactly. */
export const fromF16 = (bits: Uint16Array): Float32Array => {
  const y = new Float32Array(bits.length)
  const words = wordsOf(y)
  for (let i = 0; i < bits.length; i++) {
    const half = bits[i]!
    const sign = (half & 0x8000) << 16
    const rest = (half & 0x7fff) << 13
    if (rest >= 0x0f800000) words[i] = sign | 0x7f800000 | rest
    else {
      words[i] = sign | rest
      y[i] = y[i]! * 2 ** 112
    }
  }
  return y
}

/** float32 → bfloat16 bits. Rounds to nearest, ties to even; overflow becomes infinity; every NaN becomes a quiet one. */
export const toBF16 = (x: Float32Array): Uint16Array => {
  const words = wordsOf(x)
  const bits = new Uint16Array(x.length)
  for (let i = 0; i < bits.length; i++) {
    const word = words[i]!
    const isNaN = (word & 0x7fffffff) > 0x7f800000
    bits[i] = isNaN ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
  }
  return bits
}

/** bfloat16 bits → float32, exactly. */
export const fromBF16 = (bits: Uint16Array): Float32Array => {
  const y = new Float32Array(bits.length)
  const words = wordsOf(y)
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16
  return y
}

const one = new Float32Array(1)
const oneWord = wordsOf(one)
/** The half nearest to a scale, by way of float32: a quotient x / 127 or x / 8 of a float32 x never rounds to a false tie. */
const halfBits = (x: number): number => {
  one[0] = x
  return halfOf(oneWord[0]!)
}
const halfTable: Float32Array = fromF16(Uint16Array.from({ length: 0x10000 }, (_, i) => i))

/** The nearest whole number, ties to even. */
const nearest = (x: number): number => {
  const up = Math.round(x)
  return up - x === 0.5 && up % 2 !== 0 ? up - 1 : up
}
const magnitude = (x: Float32Array, from: number, to: number): number => {
  let max = 0
  for (let i = from; i < to; i++) max = Math.max(max, Math.abs(x[i]!))
  return max
}

/** 8-bit rows: number = q · scale of its row. */
export interface Int8Rows {
  /** [rows, columns] */
  readonly q: Int8Array
  /** [rows] */
  readonly scale: Float32Array
}

/** [rows, columns] → 8-bit rows; scale = max|row| / 127 as a float32, 0 for a row of zeros. */
export const quantizeInt8 = (x: Float32Array, columns: number): Int8Rows => {
  const rows = columns === 0 ? 0 : x.length / columns
  const q = new Int8Array(x.length)
  const scale = new Float32Array(rows)
  for (let row = 0; row < rows; row++) {
    const from = row * columns
    scale[row] = magnitude(x, from, from + columns) / 127
    const inverse = scale[row] === 0 ? 0 : 1 / scale[row]!
    for (let i = from; i < from + columns; i++) q[i] = Math.max(-127, Math.min(127, nearest(x[i]! * inverse)))
  }
  return { q, scale }
}

/** 8-bit rows → [rows, columns]. */
export const dequantizeInt8 = ({ q, scale }: Int8Rows): Float32Array => {
  const columns = scale.length === 0 ? 0 : q.length / scale.length
  const y = new Float32Array(q.length)
  for (let i = 0; i < y.length; i++) y[i] = q[i]! * scale[Math.floor(i / columns)]!
  return y
}

/** Numbers in a block of Q8_0 and Q4_0. */
export const block = 32
/** Bytes of a block: the scale as a half, then the numbers. */
export const blockBytes = { q8_0: 2 + block, q4_0: 2 + block / 2 } as const

const refuseRagged = (codec: string, columns: number): void => {
  if (columns % block !== 0)
    throw new ShapeError(codec, '', [[columns]], {
      why: `the last axis is ${columns}, not a multiple of ${block}`,
      sizes: [columns, block],
      next: 'Keep this weight in f16, or pad its rows.',
    })
}
const writeScale = (packed: Uint8Array, at: number, d: number): void => {
  const bits = halfBits(d)
  packed[at] = bits & 0xff
  packed[at + 1] = bits >>> 8
}
const readScale = (packed: Uint8Array, at: number): number => halfTable[packed[at]! | (packed[at + 1]! << 8)]!

/** float32 → Q8_0. A row is a whole number of blocks, so `columns` (the last axis) divides by 32, else ShapeError. */
export const quantizeQ8_0 = (x: Float32Array, columns: number): Uint8Array => {
  refuseRagged('quantizeQ8_0', columns)
  const packed = new Uint8Array((x.length / block) * blockBytes.q8_0)
  for (let from = 0, at = 0; from < x.length; from += block, at += blockBytes.q8_0) {
    const d = magnitude(x, from, from + block) / 127
    const inverse = d === 0 ? 0 : 1 / d
    writeScale(packed, at, d)
    for (let i = 0; i < block; i++) packed[at + 2 + i] = nearest(x[from + i]! * inverse)
  }
  return packed
}

/** Q8_0 → float32. */
export const dequantizeQ8_0 = (packed: Uint8Array): Float32Array => {
  const y = new Float32Array((packed.length / blockBytes.q8_0) * block)
  for (let to = 0, at = 0; to < y.length; to += block, at += blockBytes.q8_0) {
    const d = readScale(packed, at)
    for (let i = 0; i < block; i++) y[to + i] = ((packed[at + 2 + i]! << 24) >> 24) * d
  }
  return y
}

/** The element of largest magnitude, with its sign; the first of several. */
const extreme = (x: Float32Array, from: number): number => {
  let largest = 0
  for (let i = from; i < from + block; i++) if (Math.abs(x[i]!) > Math.abs(largest)) largest = x[i]!
  return largest
}

/** float32 → Q4_0. A row is a whole number of blocks, so `columns` (the last axis) divides by 32, else ShapeError. */
export const quantizeQ4_0 = (x: Float32Array, columns: number): Uint8Array => {
  refuseRagged('quantizeQ4_0', columns)
  const packed = new Uint8Array((x.length / block) * blockBytes.q4_0)
  for (let from = 0, at = 0; from < x.length; from += block, at += blockBytes.q4_0) {
    const d = extreme(x, from) / -8
    const inverse = d === 0 ? 0 : 1 / d
    const nibble = (i: number): number => Math.max(0, Math.min(15, Math.floor(x[from + i]! * inverse + 8.5)))
    writeScale(packed, at, d)
    for (let i = 0; i < block / 2; i++) packed[at + 2 + i] = nibble(i) | (nibble(i + block / 2) << 4)
  }
  return packed
}

/** Q4_0 → float32. */
export const dequantizeQ4_0 = (packed: Uint8Array): Float32Array => {
  const y = new Float32Array((packed.length / blockBytes.q4_0) * block)
  for (let to = 0, at = 0; to < y.length; to += block, at += blockBytes.q4_0) {
    const d = readScale(packed, at)
    for (let i = 0; i < block / 2; i++) {
      const byte = packed[at + 2 + i]!
      y[to + i] = ((byte & 15) - 8) * d
      y[to + i + block / 2] = ((byte >>> 4) - 8) * d
    }
  }
  return y
}
