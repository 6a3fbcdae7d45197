/**
 * Pillow's resize of 8-bit pictures, bit for bit: no library's bicubic gives the pixels the published weights were
 * trained on. Two passes, along rows and then along columns, each rounded to 8 bits; weights computed in double and
 * rounded to 22 fractional bits. Source: python-pillow/Pillow:src/libImaging/Resample.c (versions before 13).
 *
 * A pass is told the part of its output that is wanted, and how much background lies before and behind its input: a
 * centre crop of a long strip, or a strip in a large square, then costs what is looked at and not what is imagined.
 */
import { type Colour, type Picture, squareAround } from './picture.ts'

export type Filter = 'bicubic' | 'bilinear'

/** Keys' cubic with a = −0.5. */
const cubic = (x: number) =>
  x < 1 ? ((-0.5 + 2) * x - (-0.5 + 3)) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0
const triangle = (x: number) => (x < 1 ? 1 - x : 0)
const kernels: Record<Filter, { readonly reach: number; readonly at: (distance: number) => number }> = {
  bicubic: { reach: 2, at: cubic },
  bilinear: { reach: 1, at: triangle },
}
const fractionBits = 22
const half = 1 << (fractionBits - 1)

/** One axis of a resize: `length` pixels, of which `inside` are the picture's and begin at `before`, to `target` pixels. */
interface Axis {
  readonly inside: number
  readonly before: number
  readonly length: number
  readonly target: number
  /** The wanted part of the target. */
  readonly from: number
  readonly count: number
}
const whole = (length: number, target: number): Axis => ({
  inside: length,
  before: 0,
  length,
  target,
  from: 0,
  count: target,
})

/** What one output pixel reads: weights of the picture's pixels from `first` on, and the weight of all background. */
interface Taps {
  readonly first: number
  readonly weights: Int32Array
  readonly background: number
}

/** The shares that pixels from `first` on have in one output pixel; together 1. */
interface Reading {
  readonly first: number
  readonly shares: Float64Array
}
/** What the output pixels read, `count` of them from `from` on, when `length` pixels become `target`. */
export const readingsOf = (
  length: number,
  target: number,
  filter: Filter,
  { from, count }: Pick<Axis, 'from' | 'count'> = { from: 0, count: target },
): readonly Reading[] => {
  const { reach, at } = kernels[filter]
  const scale = length / target
  const widening = Math.max(scale, 1)
  const support = reach * widening
  const narrowing = 1 / widening
  return Array.from({ length: count }, (_, i) => {
    const centre = (from + i + 0.5) * scale
    const first = Math.max(Math.trunc(centre - support + 0.5), 0)
    const read = Math.min(Math.trunc(centre + support + 0.5), length) - first
    const shares = Float64Array.from({ length: read }, (_, x) => at(Math.abs((x + first - centre + 0.5) * narrowing)))
    const sum = shares.reduce((total, share) => total + share, 0)
    return { first, shares: sum === 0 ? shares : shares.map(share => share / sum) }
  })
}

const tapsOf = (axis: Axis, filter: Filter): Taps[] =>
  readingsOf(axis.length, axis.target, filter, axis).map(({ first, shares }) => {
    const count = shares.length
    const fixed = Int32Array.from(shares, share => {
      const scaled = share * (1 << fractionBits)
      return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
    })
    const skip = Math.min(Math.max(axis.before - first, 0), count)
    const end = Math.min(Math.max(axis.before + axis.inside - first, skip), count)
    const weights = fixed.subarray(skip, end)
    const total = (part: Int32Array) => part.reduce((all, weight) => all + weight, 0)
    return { first: first + skip - axis.before, weights, background: total(fixed) - total(weights) }
  })

const clip = (sum: number) => Math.min(Math.max(sum >> fractionBits, 0), 255)

const alongRows = (picture: Picture, axis: Axis, filter: Filter, background: Colour): Picture => {
  if (axis.length === axis.target && axis.inside === axis.count) return picture
  const { width, height, data } = picture
  const taps = tapsOf(axis, filter)
  const out = new Uint8Array(axis.count * height * 3)
  for (let x = 0; x < axis.count; x++) {
    const { first, weights, background: outside } = taps[x]!
    const [r0, g0, b0] = background.map(colour => half + colour * outside) as [number, number, number]
    for (let y = 0; y < height; y++) {
      let [r, g, b] = [r0, g0, b0]
      let at = (y * width + first) * 3
      for (let k = 0; k < weights.length; k++) {
        const weight = weights[k]!
        r = (r + Math.imul(weight, data[at]!)) | 0
        g = (g + Math.imul(weight, data[at + 1]!)) | 0
        b = (b + Math.imul(weight, data[at + 2]!)) | 0
        at += 3
      }
      const to = (y * axis.count + x) * 3
      out[to] = clip(r)
      out[to + 1] = clip(g)
      out[to + 2] = clip(b)
    }
  }
  return { width: axis.count, height, data: out }
}

const alongColumns = (picture: Picture, axis: Axis, filter: Filter, background: Colour): Picture => {
  if (axis.length === axis.target && axis.inside === axis.count) return picture
  const row = picture.width * 3
  const out = new Uint8Array(row * axis.count)
  const sums = new Int32Array(row)
  tapsOf(axis, filter).forEach(({ first, weights, background: outside }, y) => {
    for (let i = 0; i < row; i++) sums[i] = half + background[i % 3]! * outside
    for (let k = 0; k < weights.length; k++) {
      const weight = weights[k]!
      const from = (first + k) * row
      for (let i = 0; i < row; i++) sums[i]! += Math.imul(weight, picture.data[from + i]!)
    }
    for (let i = 0; i < row; i++) out[y * row + i] = clip(sums[i]!)
  })
  return { width: picture.width, height: axis.count, data: out }
}

const noBackground: Colour = [0, 0, 0]

/** `picture.resize((width, height), filter)` of Pillow; a side that does not change is not touched. */
export const resizePil = (picture: Picture, width: number, height: number, filter: Filter): Picture => {
  const rows = alongRows(picture, whole(picture.width, width), filter, noBackground)
  return alongColumns(rows, whole(picture.height, height), filter, noBackground)
}

/** The same as resizePil(padToSquare(picture, background), side, side, 'bicubic'), without ever building the square. */
export const resizePadded = (picture: Picture, side: number, background: Colour): Picture => {
  const { side: length, left, top } = squareAround(picture.width, picture.height)
  const axis = { length, target: side, from: 0, count: side }
  const rows = alongRows(picture, { ...axis, inside: picture.width, before: left }, 'bicubic', background)
  return alongColumns(rows, { ...axis, inside: picture.height, before: top }, 'bicubic', background)
}

/** Sizes when the shorter side becomes `edge`: the longer one is ⌊edge · long / short⌋, at least `edge`. */
export const shortestEdge = (width: number, height: number, edge: number) =>
  width <= height
    ? { width: edge, height: Math.trunc((edge * height) / width) }
    : { width: Math.trunc((edge * width) / height), height: edge }

/** The same as centerCrop(resizePil(picture, width, height, 'bicubic'), crop) where it is not black, computing no more than that. */
export const resizeMiddle = (picture: Picture, width: number, height: number, crop: number): Picture => {
  const middle = (length: number, target: number): Axis => {
    const from = Math.max(Math.floor((target - crop) / 2), 0)
    return { ...whole(length, target), from, count: Math.min(crop, target) }
  }
  const rows = alongRows(picture, middle(picture.width, width), 'bicubic', noBackground)
  return alongColumns(rows, middle(picture.height, height), 'bicubic', noBackground)
}
