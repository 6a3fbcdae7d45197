/** What layers ask of the width of their input: it sizes a weight, so it must be a number, and the one that the caller expects. */
import { ShapeError, fullName, showShape, type AnyTensor, type Dim } from '../../lib/index.ts'

/** The size of an axis of x, as a number. Throws a ShapeError if x has no such axis, its size is named, or it is not `from`. */
export const weightWidth = (layer: string, name: string, x: AnyTensor, axis: number, from?: Dim): number => {
  const width = x.shape.at(axis)
  const refuse = (why: string, sizes: readonly Dim[] = []): never => {
    const refusal = { why, inputs: [0], axis, sizes }
    const message = `${layer} '${fullName(name)}' on ${showShape(x.shape)}: ${why}`
    throw new ShapeError(layer, '', [x.shape], refusal, message)
  }
  if (width === undefined) return refuse(`needs at least ${-axis} axes, has ${x.shape.length}`, [-axis, x.shape.length])
  if (from !== undefined && width !== from) return refuse(`axis ${axis} is ${width}, should be ${from}`, [from, width])
  if (typeof width === 'string')
    return refuse(`axis ${axis} is '${width}', known only when the model runs; a weight needs a number`, [width])
  return width
}
