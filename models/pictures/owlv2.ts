/**
 * What OWLv2 reads: the picture in the corner of a square, blurred against aliasing and resized with two taps. All three are
 * linear and work on each axis by itself, so an axis is one list of weights, and only the pixels that are wanted are
 * computed. Source: huggingface/transformers, image_processing_owlv2.py, which calls scipy's gaussian_filter and zoom with
 * mirrored borders; its padding was 0.5 when boxes for MG-LLaVA were made, and is 0 in later versions.
 */
import { clipMean, clipStd, type PerChannel } from './normalise.ts'
import type { Picture } from './picture.ts'

export interface Owlv2Settings {
  /** side of the result */
  readonly size: number
  /** value of the padding, on the scale 0..1 */
  readonly pad?: number
}

/** Positions beyond a border go back from it; the border itself is not repeated. */
const mirrored = (position: number, length: number): number => {
  if (length === 1) return 0
  const period = 2 * (length - 1)
  const back = ((position % period) + period) % period
  return back < length ? back : period - back
}
/** Weights of a Gaussian cut off at four standard deviations, from the centre outwards. */
const gaussian = (sigma: number): Float64Array => {
  const radius = sigma > 0 ? Math.trunc(4 * sigma + 0.5) : 0
  const half = Float64Array.from({ length: radius + 1 }, (_, i) =>
    i === 0 ? 1 : Math.exp((-i * i) / (2 * sigma * sigma)),
  )
  const total = half.reduce((sum, x, i) => sum + (i === 0 ? x : 2 * x), 0)
  return half.map(x => x / total)
}
/** What one pixel of an axis reads: a weight for each source pixel from `first` on. */
interface Taps {
  readonly first: number
  readonly weights: Float64Array
}
/** The taps of each of `target` pixels that an axis of `length` pixels becomes. */
const tapsOf = (length: number, target: number): Taps[] => {
  const scale = length / target
  const blur = gaussian(Math.max(0, (scale - 1) / 2))
  const radius = blur.length - 1
  return Array.from({ length: target }, (_, i) => {
    const at = (i + 0.5) * scale - 0.5
    const low = Math.floor(at)
    const shares = new Map<number, number>()
    for (const [tap, share] of [[low, 1 - (at - low)] as const, [low + 1, at - low] as const]) {
      const centre = mirrored(tap, length)
      for (let d = -radius; d <= radius; d++) {
        const position = mirrored(centre + d, length)
        shares.set(position, (shares.get(position) ?? 0) + share * blur[Math.abs(d)]!)
      }
    }
    const first = Math.min(...shares.keys())
    const weights = new Float64Array(Math.max(...shares.keys()) + 1 - first)
    for (const [position, share] of shares) weights[position - first] = share
    return { first, weights }
  })
}
/** The weight of what lies beyond the first `inside` pixels. */
const beyond = ({ first, weights }: Taps, inside: number): number =>
  weights.subarray(Math.max(inside - first, 0)).reduce((a, b) => a + b, 0)

/** Padded to a square below and to the right, blurred and resized: [3, size, size] on the scale 0..1. */
export const owlv2Resized =
  ({ size, pad = 0.5 }: Owlv2Settings) =>
  ({ width, height, data }: Picture): Float32Array => {
    const taps = tapsOf(Math.max(width, height), size)
    const padded = (inside: number): number[] => taps.map(one => beyond(one, inside) * pad)
    const [right, below] = [padded(width), padded(height)]
    const [least, most] = rangeOf(data, width === height ? undefined : pad)
    const out = new Float32Array(3 * size * size)
    const column = new Float64Array(height)
    for (let channel = 0; channel < 3; channel++)
      for (let x = 0; x < size; x++) {
        const across = taps[x]!
        const end = Math.min(across.weights.length, width - across.first)
        for (let y = 0; y < height; y++) {
          let value = 0
          for (let i = 0; i < end; i++)
            value += across.weights[i]! * data[(y * width + across.first + i) * 3 + channel]!
          column[y] = right[x]! + value / 255
        }
        for (let y = 0; y < size; y++) {
          const { first, weights } = taps[y]!
          const last = Math.min(weights.length, height - first)
          let value = below[y]!
          for (let i = 0; i < last; i++) value += weights[i]! * column[first + i]!
          out[(channel * size + y) * size + x] = Math.min(Math.max(value, least), most)
        }
      }
    return out
  }
const rangeOf = (data: Uint8Array, pad: number | undefined): readonly [number, number] => {
  let [least, most] = [255, 0]
  for (const x of data) {
    if (x < least) least = x
    if (x > most) most = x
  }
  const [low, high] = [least / 255, most / 255]
  return pad === undefined ? [low, high] : [Math.min(low, pad), Math.max(high, pad)]
}

/** The same with CLIP's mean and deviation taken out. */
export const owlv2Picture =
  (settings: Owlv2Settings, mean: PerChannel = clipMean, std: PerChannel = clipStd) =>
  (picture: Picture): Float32Array => {
    const area = settings.size ** 2
    return owlv2Resized(settings)(picture).map((x, i) => {
      const channel = Math.floor(i / area)
      return (x - mean[channel]!) / std[channel]!
    })
  }
