/**
 * Overlap of boxes and non-maximum suppression, on the host: how many boxes survive depends on the data, which no graph
 * of fixed shapes can say. Arithmetic as in torchvision, because whole-number boxes meet the threshold exactly: the
 * overlap is float32, the comparison is double, so an overlap of exactly 1/5 (float32 0.2000000030) exceeds 0.2.
 * Source: pytorch/vision:torchvision/csrc/ops/cpu/nms_kernel.cpp.
 */
import { ShapeError } from '../../lib/shape/shape-error.ts'

const f32 = Math.fround

/** How many boxes there are, after seeing that they and what belongs to them fit. */
const countOf = (op: string, boxes: ArrayLike<number>, beside: Record<string, ArrayLike<unknown>>): number => {
  const count = boxes.length / 4
  const shapes = [[Math.floor(count), 4], ...Object.values(beside).map(({ length }) => [length])]
  const refuse = (why: string, input: number, sizes: readonly number[]): never => {
    throw new ShapeError(op, '', shapes, { why, inputs: [input], axis: 0, sizes })
  }
  if (!Number.isInteger(count))
    refuse(`a box has 4 numbers, and ${boxes.length} are not a multiple`, 0, [4, boxes.length])
  Object.entries(beside).forEach(([name, { length }], i) => {
    if (length !== count) refuse(`there are ${count} boxes but ${length} ${name}`, i + 1, [count, length])
  })
  return count
}

const areaOf = (boxes: Float32Array, i: number) =>
  f32(f32(boxes[4 * i + 2]! - boxes[4 * i]!) * f32(boxes[4 * i + 3]! - boxes[4 * i + 1]!))

/** Intersection over union of box `i` of `a` and `j` of `b`; NaN if both have no area. */
const overlap = (a: Float32Array, i: number, b: Float32Array, j: number): number => {
  const side = (low: number, high: number) =>
    Math.max(f32(Math.min(a[4 * i + high]!, b[4 * j + high]!) - Math.max(a[4 * i + low]!, b[4 * j + low]!)), 0)
  const shared = f32(side(0, 2) * side(1, 3))
  return f32(shared / f32(f32(areaOf(a, i) + areaOf(b, j)) - shared))
}

/** [N, 4] and [M, 4] boxes x1, y1, x2, y2 → [N, M] intersection over union, float32, no +1 anywhere. */
export const boxIou = (a: Float32Array, b: Float32Array): Float32Array => {
  const [rows, columns] = [countOf('boxIou', a, {}), countOf('boxIou', b, {})]
  return Float32Array.from({ length: rows * columns }, (_, k) => overlap(a, Math.floor(k / columns), b, k % columns))
}

/** Best score first, compared as float32; equal scores in their order. */
const byScore = (scores: ArrayLike<number>): number[] => {
  const rounded = Float32Array.from(scores)
  return Array.from(rounded.keys()).sort((i, j) => rounded[j]! - rounded[i]!)
}

const suppress = (boxes: Float32Array, order: readonly number[], threshold: number): number[] => {
  const kept: number[] = []
  for (const i of order) if (!kept.some(better => overlap(boxes, better, boxes, i) > threshold)) kept.push(i)
  return kept
}

/**
 * Indices of the boxes [N, 4] that are kept, best score first: a box goes when its overlap with a kept better one is
 * greater than `threshold`. Throws ShapeError if there is not one score for each box.
 */
export const nms = (boxes: Float32Array, scores: ArrayLike<number>, threshold: number): Int32Array => {
  countOf('nms', boxes, { scores })
  return Int32Array.from(suppress(boxes, byScore(scores), threshold))
}

/** nms inside each label; all indices that are kept, best score first. */
export const batchedNms = (
  boxes: Float32Array,
  scores: ArrayLike<number>,
  labels: ArrayLike<number | string>,
  threshold: number,
): Int32Array => {
  countOf('batchedNms', boxes, { scores, labels })
  const order = byScore(scores)
  const groups = new Map<number | string, number[]>()
  for (const i of order) {
    const group = groups.get(labels[i]!) ?? []
    group.push(i)
    groups.set(labels[i]!, group)
  }
  const kept = new Set(Array.from(groups.values()).flatMap(group => suppress(boxes, group, threshold)))
  return Int32Array.from(order.filter(i => kept.has(i)))
}
