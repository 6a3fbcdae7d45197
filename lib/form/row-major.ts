/** Walking arrays row by row: what the plain references of primitives are written with. */
export const stridesOf = (shape: readonly number[]): number[] => {
  const strides: number[] = new Array<number>(shape.length)
  let step = 1
  for (let k = shape.length - 1; k >= 0; k--) {
    strides[k] = step
    step *= shape[k] as number
  }
  return strides
}
/** Calls f(index, position) for every element, the last axis fastest. `index` is one array, changed in place. */
export const eachIndex = (shape: readonly number[], f: (index: readonly number[], position: number) => void): void => {
  const count = shape.reduce((a, b) => a * b, 1)
  const index = shape.map(() => 0)
  for (let position = 0; position < count; position++) {
    f(index, position)
    for (let k = shape.length - 1; k >= 0; k--) {
      index[k] = (index[k] as number) + 1
      if ((index[k] as number) < (shape[k] as number)) break
      index[k] = 0
    }
  }
}
/** Numbers of an array made by a function of the index. */
export const tabulate = (shape: readonly number[], f: (index: readonly number[]) => number): Float64Array => {
  const out = new Float64Array(shape.reduce((a, b) => a * b, 1))
  eachIndex(shape, (index, position) => {
    out[position] = f(index)
  })
  return out
}
/** Position of an index, given strides. */
export const positionOf = (index: readonly number[], strides: readonly number[]): number => {
  let at = 0
  for (let k = 0; k < index.length; k++) at += (index[k] as number) * (strides[k] as number)
  return at
}
