/**
 * Weights and a picture by formula, so that a case at full size needs no file: every number is a hash of the tensor's name and its own
 * position. The formula is that of the README of the reference data; numbers are made when they are uploaded, a piece at a time.
 */
import { either as E } from 'fp-ts'
import type { LazyTensor } from '../../../lib/device/upload.ts'
import type { Picture } from '../../../models/pictures/index.ts'

/** A tensor as a case lists it. Its numbers lie evenly within `scale` of `center`, both float32. */
export interface Listed {
  readonly name: string
  readonly shape: readonly number[]
  readonly center: number
  readonly scale: number
}

/** FNV-1a of the UTF-8 of a text, 32 bits. */
export const hashOf = (text: string): number => {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}
/** The hash at a flat index of a tensor whose name has this hash. */
export const hashAt = (hash: number, index: number): number => {
  let x = (hash + Math.imul(index, 0x9e3779b1)) | 0
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}

/** `count` numbers from element `first`. Product and sum are rounded to float32 each, the sum by being stored. */
export const numbersAt = ({ center, scale }: Listed, hash: number, first: number, count: number): Float32Array => {
  const numbers = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    const even = (hashAt(hash, first + i) >>> 8) * 2 ** -23 - 1
    numbers[i] = center + Math.fround(scale * even)
  }
  return numbers
}
export const tensorByFormula = (salt: string, listed: Listed): LazyTensor => {
  const { name, shape } = listed
  const hash = hashOf(salt + name)
  const readRange = (first: number, count: number) => async () => E.right(numbersAt(listed, hash, first, count))
  return {
    shape,
    readRange,
    read: readRange(
      0,
      shape.reduce((n, d) => n * d, 1),
    ),
  }
}

/** A ramp, a checkerboard and grain. */
export const pictureByFormula = (salt: string, size: number): Picture => {
  const hash = hashOf(`${salt}picture`)
  const data = new Uint8Array(3 * size * size)
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        const ramp = ((x * (c + 2) + y * (4 - c)) >> 3) & 127
        const tile = 64 * (((x >> 6) + (y >> 5)) & 1)
        data[(y * size + x) * 3 + c] = ramp + tile + (hashAt(hash, (c * size + y) * size + x) >>> 26)
      }
  return { width: size, height: size, data }
}
