/** Damaged copies of a file: bits turned, pieces cut, doubled or swapped, lengths made extreme, text made other text. */
import * as fc from 'fast-check'

const extremes = [
  '00000000',
  'ffffffff',
  '7fffffff',
  'ffffff7f',
  '00000080',
  'fbffffff',
  'ffffffffffffffff',
  '0000000000000080',
  '01',
]
const words = ['-1', '1e309', '[]', '{}', 'null', '"', '__proto__', '9007199254740993', ',', 'F64', '\\u0000']
const pieces = [...extremes.map(hex => Buffer.from(hex, 'hex')), ...words.map(word => Buffer.from(word))]

/** One to four changes, each in the first `reach` bytes. */
export const mutated = (seed: Uint8Array, reach = seed.length): fc.Arbitrary<Uint8Array> => {
  const at = fc.nat({ max: reach - 1 })
  const change = fc.oneof(
    fc.tuple(at, fc.nat({ max: 7 })).map(
      ([i, bit]) =>
        (bytes: Uint8Array) =>
          bytes.map((b, j) => (j === i ? b ^ (1 << bit) : b)),
    ),
    fc.tuple(at, fc.nat({ max: 255 })).map(
      ([i, value]) =>
        (bytes: Uint8Array) =>
          bytes.map((b, j) => (j === i ? value : b)),
    ),
    fc.tuple(at, fc.nat({ max: 40 })).map(
      ([i, n]) =>
        (bytes: Uint8Array) =>
          spliced(bytes, i, n, new Uint8Array(0)),
    ),
    fc.tuple(at, fc.nat({ max: 40 })).map(
      ([i, n]) =>
        (bytes: Uint8Array) =>
          spliced(bytes, i, 0, bytes.slice(i, i + n)),
    ),
    fc.tuple(at, fc.constantFrom(...pieces)).map(
      ([i, piece]) =>
        (bytes: Uint8Array) =>
          spliced(bytes, i, piece.length, piece),
    ),
    fc.tuple(at, fc.constantFrom(...pieces)).map(
      ([i, piece]) =>
        (bytes: Uint8Array) =>
          spliced(bytes, i, 0, piece),
    ),
    at.map(i => (bytes: Uint8Array) => bytes.slice(0, i)),
  )
  return fc
    .array(change, { minLength: 1, maxLength: 4 })
    .map(changes => changes.reduce((bytes, apply) => apply(bytes), seed))
}

const spliced = (bytes: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array =>
  Uint8Array.from([...bytes.subarray(0, at), ...added, ...bytes.subarray(at + removed)])
