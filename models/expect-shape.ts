/**
 * The way out of code that is generic in sizes and computes with them: tsc cannot prove that H · W rows are N rows, so the
 * author says it, and the build checks it.
 */
import { ShapeError, describeOrigin, nodeOf, showShape, type AnyTensor, type Shape, type Tensor } from '../lib/index.ts'

/** x itself, under the shape it must have. Throws a ShapeError where it has another. */
export const expectShape =
  <const S extends Shape>(shape: S) =>
  (x: AnyTensor): Tensor<[...S]> => {
    const axis = shape.findIndex((d, k) => d !== x.shape[k])
    if (axis < 0 && x.shape.length === shape.length) return x as Tensor<[...S]>
    const why = `expected ${showShape(shape)}`
    const refusal = { why, inputs: [0], axis, sizes: [shape[axis] ?? shape.length, x.shape[axis] ?? x.shape.length] }
    throw new ShapeError('expectShape', '', [x.shape], refusal, `${why}, found ${describeOrigin(nodeOf(x))}`)
  }
