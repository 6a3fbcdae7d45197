import type { AnyTensor, Loose, Shape } from '../lib/index.ts'
import { broadcastTo } from './broadcast-to.ts'
import { sum } from './sum.ts'

/** Undoes broadcasting: sums a cotangent over the axes that broadcasting from `shape` repeated. What gradients of broadcasting ops need. */
export const sumTo =
  (shape: Shape) =>
  (dy: AnyTensor): Loose => {
    const skip = dy.shape.length - shape.length
    const front = Array.from({ length: skip }, (_, k) => k)
    const repeated = shape.flatMap((d, k) => (d === 1 && dy.shape[k + skip] !== 1 ? [k] : []))
    const folded = [...front, ...repeated.map(k => k + skip)]
    if (folded.length === 0) return dy as Loose
    const total = sum(...folded)(dy as Loose)
    return repeated.length === 0 ? (total as Loose) : (broadcastTo(shape, repeated)(total) as Loose)
  }
