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
/** What each of `target` pixels of an axis reads of `length`: one weight for every source pixel. */
const weightsOf = (length: number, target: number): Float64Array[] => {
  const scale = length / target
  const blur = gaussian(Math.max(0, (scale - 1) / 2))
  const radius = blur.length - 1
  return Array.from({ length: target }, (_, i) => {
    const at = (i + 0.5) * scale - 0.5
    const low = Math.floor(at)
    const weights = new Float64Array(length)
    for (const [tap, share] of [[low, 1 - (at - low)] as const, [low + 1, at - low] as const]) {
      const centre = mirrored(tap, length)
      for (let d = -radius; d <= radius; d++) weights[mirrored(centre + d, length)]! += share * blur[Math.abs(d)]!
    }
    return weights
  })
}

/** Padded to a square below and to the right, blurred and resized: [3, size, size] on the scale 0..1. */
export const owlv2Resized =
  ({ size, pad = 0.5 }: Owlv2Settings) =>
  ({ width, height, data }: Picture): Float32Array => {
    const side = Math.max(width, height)
    const weights = weightsOf(side, size)
    const background = weights.map(w => [sum(w, width) * pad, sum(w, height) * pad] as const)
    const [least, most] = rangeOf(data, width === height ? undefined : pad)
    const out = new Float32Array(3 * size * size)
    const row = new Float64Array(height)
    for (let channel = 0; channel < 3; channel++)
      for (let x = 0; x < size; x++) {
        for (let y = 0; y < height; y++) {
          row[y] = background[x]![0]
          for (let i = 0; i < width; i++) row[y]! += (weights[x]![i]! * data[(y * width + i) * 3 + channel]!) / 255
        }
        for (let y = 0; y < size; y++) {
          let value = background[y]![1]
          for (let i = 0; i < height; i++) value += weights[y]![i]! * row[i]!
          out[(channel * size + y) * size + x] = Math.min(Math.max(value, least), most)
        }
      }
    return out
  }
/** The weight of the pixels from `first` on. */
const sum = (weights: Float64Array, first: number): number => weights.subarray(first).reduce((a, b) => a + b, 0)
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
