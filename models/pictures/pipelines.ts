/**
 * What MG-LLaVA, CLIP and RAM do to a picture before the towers see it, end to end, from decoded pixels to float32 tensors.
 * Sources: PhoenixZ810/MG-LLaVA:mg_llava/module/mg_llava_dataset.py and mg_llava/dataset/utils.py; the slow (PIL)
 * CLIPImageProcessor of huggingface/transformers; facebookresearch/pytorchvideo's short_side_scale for frames.
 */
import { centerCrop, type Picture } from './picture.ts'
import { resizeMiddle, resizePadded, resizePil, shortestEdge } from './resize.ts'
import {
  bilinear,
  clipMean,
  clipStd,
  type Coordinates,
  exact,
  imageNetMean,
  imageNetStd,
  interpolate,
  meanColour,
  normalise,
  normalTables,
  pairsOf,
  type PerChannel,
} from './normalise.ts'
import { roundHalfToEven } from './round.ts'

export interface Statistics {
  readonly mean?: PerChannel
  readonly std?: PerChannel
}
export interface Views {
  /** [3, aux, aux], for the high-resolution tower. */
  readonly aux: Float32Array
  /** [3, low, low], for the low-resolution tower. */
  readonly low: Float32Array
}

export interface MgSettings extends Statistics {
  readonly aux: number
  readonly low: number
  /** Pad to a square with the mean colour first; without it the middle square is cut out. */
  readonly pad?: boolean
  /** Of the resize to `low`; the public code's are float32. */
  readonly coordinates?: Coordinates
}
/**
 * MG-LLaVA's two views of a picture: bicubic to `aux` on 8 bits, normalised; then bilinear to `low`. A model without a
 * high-resolution tower reads `low` of { aux: low, low }.
 */
export const mgPicture =
  ({ aux, low, pad = true, mean = clipMean, std = clipStd, coordinates = Math.fround }: MgSettings) =>
  (picture: Picture): Views => {
    const size = shortestEdge(picture.width, picture.height, aux)
    const resized = pad
      ? resizePadded(picture, aux, meanColour(mean))
      : resizeMiddle(picture, size.width, size.height, aux)
    const values = normalise(mean, std)(resized)
    return { aux: values, low: bilinear(values, [aux, aux], [low, low], coordinates) }
  }

export interface ClipSettings extends Statistics {
  readonly shortestEdge: number
  readonly crop: number
}
/** CLIP's own: shorter side to `shortestEdge` (bicubic), middle `crop` × `crop` (black where there is none): [3, crop, crop]. */
export const clipPicture =
  ({ shortestEdge: edge, crop, mean = clipMean, std = clipStd }: ClipSettings) =>
  (picture: Picture): Float32Array => {
    const size = shortestEdge(picture.width, picture.height, edge)
    const middle = resizeMiddle(picture, size.width, size.height, crop)
    return normalise(mean, std)(centerCrop(middle, crop))
  }

/**
 * What RAM reads, the tagger that names the things to look for before boxes are found: resized to a square whatever the sides
 * (bilinear, on 8 bits), normalised: [3, size, size]. Source: xinyu1205/recognize-anything:ram/transform.py.
 */
export const ramPicture =
  ({ size, mean = imageNetMean, std = imageNetStd }: Statistics & { readonly size: number }) =>
  (picture: Picture): Float32Array =>
    normalise(mean, std)(resizePil(picture, size, size, 'bilinear'))

/** One frame of a video on one side: normalised, shorter side to `size` (bilinear), middle cut out: [3, size, size]. In double, rounded once. */
export const framePicture =
  ({ size, mean = clipMean, std = clipStd }: Statistics & { readonly size: number }) =>
  ({ width, height, data }: Picture): Float32Array => {
    const wide = Math.floor((width / height) * size)
    const tall = Math.floor((height / width) * size)
    const target = width < height ? { width: size, height: tall } : { width: wide, height: size }
    const tables = normalTables(mean, std)
    const at = (channel: number, y: number, x: number) => tables[channel]![data[(y * width + x) * 3 + channel]!]!
    const middle = (length: number) => ({ from: roundHalfToEven((length - size) / 2), count: size })
    const rows = pairsOf(height, target.height, exact, middle(target.height))
    const columns = pairsOf(width, target.width, exact, middle(target.width))
    return interpolate(at, 3, rows, columns)
  }

/** Both views of every frame, each from the source frame: aux [frames, 3, aux, aux], low [frames, 3, low, low]. */
export const mgVideo =
  ({ aux, low, ...statistics }: Statistics & { readonly aux: number; readonly low: number }) =>
  (frames: readonly Picture[]): Views => {
    const joined = (size: number) => {
      const views = frames.map(framePicture({ size, ...statistics }))
      const out = new Float32Array(frames.length * 3 * size * size)
      views.forEach((view, i) => out.set(view, i * view.length))
      return out
    }
    return { aux: joined(aux), low: joined(low) }
  }
