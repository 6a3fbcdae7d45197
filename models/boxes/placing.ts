/**
 * From detections in source pixels to the boxes whose features the model pools: shifted with the padding, suppressed
 * inside each label, limited, and laid over the picture as the towers see it. Every rounding is MG-LLaVA's, since a box
 * that moves by a pixel pools other features. Source: PhoenixZ810/MG-LLaVA:mg_llava/dataset/utils.py
 * (adjust_padding_boxes, bbox_nms, adjust_short_resize_coordinates, adjust_center_crop_box).
 */
import { squareAround } from '../pictures/picture.ts'
import { roundHalfToEven } from '../pictures/round.ts'
import type { Detections } from './box-file.ts'
import { keepAll, type BoxLimit } from './limits.ts'
import { batchedNms } from './nms.ts'

export interface PlacedBoxes {
  /** [N, 4], x1, y1, x2, y2 on the input of the high-resolution tower. */
  readonly boxes: Float32Array
  /** Of the boxes that were detected; the stand-in for none has no label. */
  readonly labels: readonly string[]
}
export interface PlacingSettings {
  /** Side of the high-resolution input. */
  readonly size: number
  /** Overlap above which a box of the same label is suppressed. */
  readonly threshold: number
  readonly limit?: BoxLimit
  /** The picture was padded to a square first. */
  readonly pad?: boolean
}

const f32 = Math.fround

/** Source pixels to pixels of the padded square: [N, 4] as float32. */
export const shiftBoxes = (boxes: Detections['boxes'], width: number, height: number): Float32Array => {
  const { left, top } = squareAround(width, height)
  return Float32Array.from(boxes.flatMap(([x1, y1, x2, y2]) => [x1 + left, y1 + top, x2 + left, y2 + top]))
}

/** The boxes of these indices. */
export const takeBoxes = (boxes: Float32Array, indices: Iterable<number>): Float32Array =>
  Float32Array.from(Array.from(indices).flatMap(i => Array.from(boxes.subarray(4 * i, 4 * i + 4))))

export interface ScaledBoxes {
  readonly boxes: Float64Array
  readonly width: number
  readonly height: number
}
/** Boxes on a picture whose shorter side becomes `size`: the product is float32, then rounded, halves to even. */
export const scaleBoxes = (boxes: Float32Array, width: number, height: number, size: number): ScaledBoxes => {
  const scale = size / Math.min(width, height)
  const scaled = Float64Array.from(boxes, value => roundHalfToEven(f32(value * f32(scale))) + 0)
  return { boxes: scaled, width: Math.trunc(width * scale), height: Math.trunc(height * scale) }
}

/**
 * Boxes on the middle `size` × `size` of a picture. Minima are clamped below and maxima above, and nothing else: a box
 * whose new maximum is negative or whose new minimum is beyond the side is dropped, an inverted one stays inverted.
 * Where ⌊side · (size / side)⌋ is size − 1 the middle begins at −1, and all boxes move by 1.
 */
export const cropBoxes = (
  { boxes, width, height }: ScaledBoxes,
  labels: readonly string[],
  size: number,
): PlacedBoxes => {
  const left = Math.floor((width - size) / 2)
  const top = Math.floor((height - size) / 2)
  const placed = labels.flatMap((label, i) => {
    const [x1, y1, x2, y2] = boxes.subarray(4 * i, 4 * i + 4) as unknown as [number, number, number, number]
    const box = [Math.max(x1 - left, 0), Math.max(y1 - top, 0), Math.min(x2 - left, size), Math.min(y2 - top, size)]
    const outside = box[2]! < 0 || box[3]! < 0 || box[0]! > size || box[1]! > size
    return outside ? [] : [{ box, label }]
  })
  return { boxes: Float32Array.from(placed.flatMap(({ box }) => box)), labels: placed.map(({ label }) => label) }
}

/** What is left of a picture's detections, in the square's pixels if it was padded. */
const survivors = (settings: PlacingSettings, { boxes, scores, labels }: Detections, width: number, height: number) => {
  const { pad = true, threshold, limit = keepAll } = settings
  const side = Math.max(width, height)
  const shifted = pad ? shiftBoxes(boxes, width, height) : Float32Array.from(boxes.flat())
  const kept = limit(Array.from(batchedNms(shifted, scores, labels, threshold)), labels)
  return {
    boxes: takeBoxes(shifted, kept),
    labels: kept.map(i => labels[i]!),
    width: pad ? side : width,
    height: pad ? side : height,
  }
}

/** For a tower that sees the middle square (CLIP): never empty, since the single box [0, 0, 0, 0] stands for none. */
export const placeBoxes =
  (settings: PlacingSettings) =>
  (detections: Detections, width: number, height: number): PlacedBoxes => {
    const left = survivors(settings, detections, width, height)
    const scaled = scaleBoxes(left.boxes, left.width, left.height, settings.size)
    const placed = cropBoxes(scaled, left.labels, settings.size)
    return placed.labels.length > 0 ? placed : { boxes: new Float32Array(4), labels: [] }
  }

/** For a tower that sees the whole picture squeezed into its square (SigLIP): no rounding, clamping or dropping; may be empty. */
export const placeBoxesSqueezed =
  (settings: PlacingSettings) =>
  (detections: Detections, width: number, height: number): PlacedBoxes => {
    const left = survivors(settings, detections, width, height)
    const along = (value: number, i: number) => f32(value / f32(i % 2 === 0 ? left.width : left.height)) * settings.size
    return { boxes: left.boxes.map(along), labels: left.labels }
  }

/** What a sample without a picture carries through a batch in place of boxes: one box, of the class numbered 0. */
export const noPictureBoxes = { boxes: [0, 0, 100, 100], labels: [0] } as const
