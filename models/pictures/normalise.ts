/**
 * From 8-bit pictures to the floats a vision tower reads. Values are computed in double and rounded to float32 once;
 * the public processors round after each step and come within 3e-7 of that. Where a bilinear resize reads is another
 * matter: PyTorch rounds its source coordinates to float32, which moves pixels by up to 4e-5, so for pictures the
 * coordinates are rounded as it does.
 */
import type { Colour, Picture } from './picture.ts'

/** Mean and standard deviation of one channel each, on the scale 0..1. */
export type PerChannel = readonly [number, number, number]

export const clipMean: PerChannel = [0.48145466, 0.4578275, 0.40821073]
export const clipStd: PerChannel = [0.26862954, 0.26130258, 0.27577711]
/** Of ImageNet, as torchvision's models and RAM take them. */
export const imageNetMean: PerChannel = [0.485, 0.456, 0.406]
export const imageNetStd: PerChannel = [0.229, 0.224, 0.225]

/** The colour pictures are padded with: ⌊255 · mean⌋, for CLIP (122, 116, 104). */
export const meanColour = (mean: PerChannel): Colour =>
  mean.map(value => Math.trunc(value * 255)) as [number, number, number]

/** What a byte of each channel becomes: (value / 255 − mean) / deviation. */
export const normalTables = (mean: PerChannel, std: PerChannel): Float64Array[] =>
  mean.map((centre, c) => Float64Array.from({ length: 256 }, (_, value) => (value / 255 - centre) / std[c]!))

/** (value / 255 − mean) / deviation, channels first: [3, height, width]. */
export const normalise =
  (mean: PerChannel, std: PerChannel) =>
  (picture: Picture): Float32Array => {
    const area = picture.width * picture.height
    const out = new Float32Array(3 * area)
    normalTables(mean, std).forEach((table, channel) => {
      for (let i = 0; i < area; i++) out[channel * area + i] = table[picture.data[i * 3 + channel]!]!
    })
    return out
  }

/** How source coordinates are rounded: Math.fround as PyTorch does for float32 tensors, `exact` as it does for float64. */
export type Coordinates = (coordinate: number) => number
export const exact: Coordinates = coordinate => coordinate

/** Where one output pixel of a bilinear resize reads: two neighbours and the share of the second. */
export interface Pair {
  readonly low: number
  readonly high: number
  readonly share: number
}
interface Part {
  readonly from: number
  readonly count: number
}
/**
 * A resize of `length` pixels to `target`, or the wanted part of it: pixel centres at halves, border repeated, no
 * antialias.
 */
export const pairsOf = (
  length: number,
  target: number,
  round: Coordinates,
  { from, count }: Part = { from: 0, count: target },
): Pair[] => {
  const scale = round(length / target)
  return Array.from({ length: count }, (_, i) => {
    const at = Math.max(round(round((from + i + 0.5) * scale) - 0.5), 0)
    const low = Math.min(Math.floor(at), length - 1)
    return { low, high: Math.min(low + 1, length - 1), share: at - low }
  })
}

/**
 * Bilinear resize of [channels, height, width] without antialias, as F.interpolate(mode='bilinear', align_corners=False).
 * `at(channel, y, x)` gives the source, `rows` and `columns` come from pairsOf.
 */
export const interpolate = (
  at: (channel: number, y: number, x: number) => number,
  channels: number,
  rows: readonly Pair[],
  columns: readonly Pair[],
): Float32Array => {
  const out = new Float32Array(channels * rows.length * columns.length)
  let to = 0
  for (let channel = 0; channel < channels; channel++)
    for (const row of rows) {
      const along = (y: number, { low, high, share }: Pair) =>
        (1 - share) * at(channel, y, low) + share * at(channel, y, high)
      for (const column of columns)
        out[to++] = (1 - row.share) * along(row.low, column) + row.share * along(row.high, column)
    }
  return out
}

/** [channels, height, width] → [channels, ...to]. */
export const bilinear = (
  values: Float32Array,
  from: readonly [height: number, width: number],
  to: readonly [height: number, width: number],
  coordinates: Coordinates = Math.fround,
): Float32Array => {
  const [height, width] = from
  const channels = values.length / (height * width)
  const at = (channel: number, y: number, x: number) => values[(channel * height + y) * width + x]!
  return interpolate(at, channels, pairsOf(height, to[0], coordinates), pairsOf(width, to[1], coordinates))
}
