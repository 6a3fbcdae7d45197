/**
 * What every reader of weights gives: named tensors with a dtype and a shape, whose numbers are read when asked for.
 * Files are little-endian and so is every machine with WebGPU; bytes are therefore viewed, not swapped.
 *
 * Names of dtypes are those of safetensors.
 */
import { either as E, taskEither as TE } from 'fp-ts'
import { type Door, type SluiceError, fileError, several } from '../errors.ts'
import { outside } from './byte-source.ts'
import { fromBF16, fromF16, toBF16, toF16 } from './number-formats.ts'

/** Bytes of one element of each dtype that may stand in a file. */
export const dtypeBytes = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const
export type Dtype = keyof typeof dtypeBytes

export const isDtype = (name: string): name is Dtype => Object.hasOwn(dtypeBytes, name)
/** Whether the dtype holds real numbers; the others hold whole numbers and truth values. */
export const isFloat = (dtype: Dtype): boolean => /^B?F/.test(dtype)

/** Real numbers as float32, whole numbers and truth values as int32. */
export type TensorData = Float32Array | Int32Array

/** One tensor of a file. Elements are in row-major order, whatever the order in the file. */
export interface TensorEntry {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** the file that holds it, for messages */
  readonly file: string
  /** all numbers, decoded; `dtype` if they do not fit or the dtype cannot be decoded */
  readonly read: Door<TensorData>
  /** `count` numbers from element `first`, decoded: a tensor larger than memory is read in pieces */
  readonly readRange: (first: number, count: number) => Door<TensorData>
  /** all numbers as they are stored, little-endian */
  readonly bytes: Door<Uint8Array>
  /** `count` elements from element `first` as they are stored */
  readonly bytesRange: (first: number, count: number) => Door<Uint8Array>
}

export interface TensorFile {
  /** the path to show in messages */
  readonly name: string
  readonly tensors: ReadonlyMap<string, TensorEntry>
  /** what the file says about itself; texts only */
  readonly metadata: ReadonlyMap<string, string>
}

/** Errors told before the rest is only counted: a wrong file can be wrong in every tensor. */
const mostErrors = 100

/** A result where nothing went wrong, else all that went wrong with this file. */
export const unless = <A>(errors: readonly SluiceError[], file: string, result: () => A): E.Either<SluiceError, A> => {
  const [first, ...rest] = errors.slice(0, mostErrors)
  const more = errors.length - mostErrors
  const tail = more > 0 ? [fileError('format', file, `and ${more} more such mistakes`)] : []
  return first === undefined ? E.right(result()) : E.left(several([first, ...rest, ...tail]))
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1)

export const bytesOf = (dtype: Dtype, shape: readonly number[]): number => sizeOf(shape) * dtypeBytes[dtype]

const viewed = (bytes: Uint8Array, size: number): readonly [ArrayBuffer, number, number] => {
  const own = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  return [own.buffer as ArrayBuffer, own.byteOffset, bytes.length / size]
}

/** Pairs of 32-bit words that are int32 numbers, or the first pair that is not. */
const narrowed = (words: Int32Array, highWord: (low: number) => number): E.Either<number, Int32Array> => {
  const y = new Int32Array(words.length / 2)
  for (let i = 0; i < y.length; i++) {
    const low = words[2 * i]!
    if (words[2 * i + 1] !== highWord(low)) return E.left(i)
    y[i] = low
  }
  return E.right(y)
}

/** Decoded numbers, or why not. */
const decode = (dtype: Dtype, bytes: Uint8Array): E.Either<string, TensorData> => {
  const view = viewed(bytes, dtypeBytes[dtype])
  const tooLarge = E.mapLeft((i: number) => `element ${i} is beyond 32 bits`)
  switch (dtype) {
    case 'F32':
      return E.right(new Float32Array(...view))
    case 'F64':
      return E.right(new Float32Array(new Float64Array(...view)))
    case 'F16':
      return E.right(fromF16(new Uint16Array(...view)))
    case 'BF16':
      return E.right(fromBF16(new Uint16Array(...view)))
    case 'I64':
      return tooLarge(narrowed(new Int32Array(view[0], view[1], view[2] * 2), low => low >> 31))
    case 'U64':
      return tooLarge(narrowed(new Int32Array(view[0], view[1], view[2] * 2), low => (low < 0 ? -1 : 0)))
    case 'I32':
      return E.right(new Int32Array(...view))
    case 'U32': {
      const words = new Int32Array(...view)
      const beyond = words.findIndex(word => word < 0)
      return beyond < 0 ? E.right(words) : tooLarge(E.left(beyond))
    }
    case 'I16':
      return E.right(new Int32Array(new Int16Array(...view)))
    case 'U16':
      return E.right(new Int32Array(new Uint16Array(...view)))
    case 'I8':
      return E.right(new Int32Array(new Int8Array(...view)))
    case 'U8':
    case 'BOOL':
      return E.right(new Int32Array(bytes))
    case 'F8_E4M3':
    case 'F8_E5M2':
      return E.left('8-bit floats are not supported; store it as BF16')
  }
}

/** A tensor whose stored elements, in row-major order, come from `bytesRange`. */
export const tensorEntry = (
  facts: Pick<TensorEntry, 'name' | 'dtype' | 'shape' | 'file'>,
  bytesRange: (first: number, count: number) => Door<Uint8Array>,
): TensorEntry => {
  const { name, dtype, shape, file } = facts
  const count = sizeOf(shape)
  const checkedRange = (first: number, n: number): Door<Uint8Array> => {
    const error = outside(`${file}: ${name}`, count, first, n)
    return error ? TE.left(error) : bytesRange(first, n)
  }
  const decoded = TE.flatMapEither((bytes: Uint8Array) =>
    E.mapLeft((why: string): SluiceError => fileError('dtype', file, `${name} is ${dtype}: ${why}`))(
      decode(dtype, bytes),
    ),
  )
  const readRange = (first: number, n: number): Door<TensorData> => decoded(checkedRange(first, n))
  return { ...facts, bytes: bytesRange(0, count), bytesRange: checkedRange, read: readRange(0, count), readRange }
}

/** Float32 numbers as the bytes of a float dtype. */
export const encodeFloats = (data: Float32Array, dtype: 'F32' | 'F16' | 'BF16'): Uint8Array => {
  const stored = dtype === 'F16' ? toF16(data) : dtype === 'BF16' ? toBF16(data) : data
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength)
}

const fromMemory = (name: string, dtype: Dtype, shape: readonly number[], bytes: Uint8Array): TensorEntry => {
  const size = dtypeBytes[dtype]
  return tensorEntry({ name, dtype, shape, file: 'memory' }, (first, count) =>
    TE.fromIO(() => new Uint8Array(bytes.subarray(first * size, (first + count) * size))),
  )
}

/** Numbers in memory as a tensor that can be written; `dtype` says how they are stored. */
export const floatTensor = (
  name: string,
  shape: readonly number[],
  data: Float32Array,
  dtype: 'F32' | 'F16' | 'BF16' = 'F32',
): TensorEntry => fromMemory(name, dtype, shape, encodeFloats(data, dtype))

/** Whole numbers in memory as a tensor that can be written: I32, I8, U8 or U16 after the kind of array. */
export const wholeTensor = (
  name: string,
  shape: readonly number[],
  data: Int32Array | Int8Array | Uint8Array | Uint16Array,
): TensorEntry => {
  const dtype =
    data instanceof Int32Array ? 'I32' : data instanceof Int8Array ? 'I8' : data instanceof Uint16Array ? 'U16' : 'U8'
  return fromMemory(name, dtype, shape, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
}
