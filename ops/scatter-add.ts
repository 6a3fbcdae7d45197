import {
  compare,
  eachIndex,
  literal,
  op,
  positionOf,
  select,
  size,
  stridesOf,
  type Dim,
  type Index,
  type Refusal,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { take } from './take.ts'

interface Attrs {
  /** counted from the front */
  readonly axis: number
  readonly rows: Dim
}
const rule: Rule<Attrs> = {
  sentence: ({ axis, rows }) => `the axes of input 2, from axis ${axis} of input 1, become one of ${rows}`,
  infer: ([x, index], { axis, rows }): Shape | Refusal => {
    if (x === undefined || index === undefined) return { why: 'takes a tensor and indices' }
    if (!Number.isInteger(axis) || axis < 0 || axis + index.length > x.length)
      return {
        why: `a tensor of rank ${x.length} has no ${index.length} axes from axis ${axis}`,
        inputs: [0, 1],
        axis,
        sizes: [x.length, axis + index.length],
      }
    const wrong = index.findIndex((d, k) => d !== x[axis + k])
    if (wrong < 0) return [...x.slice(0, axis), rows, ...x.slice(axis + index.length)]
    return {
      why: `axis ${axis + wrong} is ${x[axis + wrong]} in input 1 but ${index[wrong]} in input 2`,
      inputs: [0, 1],
      axis: axis + wrong,
      sizes: [x[axis + wrong]!, index[wrong]!],
    }
  },
  sample: (draw, { axis }) => {
    const index = Array.from({ length: draw.int(0, 2) }, draw.size)
    const around = (n: number): number[] => Array.from({ length: n }, draw.size)
    return [[...around(axis), ...index, ...around(draw.int(0, 2))], index]
  },
}

/**
 * The adjoint of take: from zeros, `rows` of them along the axis, y[b, index[i], r] += x[b, i, r]. Repeated indices accumulate, in a fixed order.
 * Indices are from 0 and below `rows`; others are the caller's error.
 */
export const scatterAdd: (
  axis: number,
  rows: Dim,
) => <S extends Shape, I extends Shape>(x: Tensor<S>, index: Index<I>) => Tensor<Shape> = op('scatterAdd', {
  args: (axis: number, rows: Dim): Attrs => ({ axis, rows }),
  kinds: 'float, index -> float',
  rule,
  reference: ([x, index], { attrs: { axis }, shape }) => {
    const out = new Float64Array(shape.reduce((a, b) => a * b, 1))
    const strides = stridesOf(shape)
    const inner = index!.shape.length
    const indexStrides = stridesOf(index!.shape)
    eachIndex(x!.shape, (at, position) => {
      const row = index!.data[positionOf(at.slice(axis, axis + inner), indexStrides)]!
      const to = positionOf([...at.slice(0, axis), row, ...at.slice(axis + inner)], strides)
      out[to] = out[to]! + x!.data[position]!
    })
    return out
  },
  // a product with the one-hot rows of the index: every element of the output has one owner, which adds in order
  form: ({ attrs: { axis, rows }, shapes: [x, index] }) => {
    const before = x!.slice(0, axis)
    const after = x!.slice(axis + index!.length)
    return {
      form: 'contract',
      batch: [],
      m: [rows],
      n: [...before, ...after],
      k: index!,
      a: (load, _, [row], at) => select(compare(load(1, at), '==', row!), literal(1), literal(0)),
      b: (load, _, around, at) => load(0, [...around.slice(0, axis), ...at, ...around.slice(axis)]),
      place: (_, [row], around) => [...around.slice(0, axis), row!, ...around.slice(axis)],
    }
  },
  gradient: (dy, { inputs: [, index], attrs }) => [take(attrs.axis)(dy, index as never), undefined],
  flops: ([x]) => size.prod(x!),
  domain: (k, { attrs }) => (k === 1 ? [0, Number(attrs.rows) - 1] : [-2, 2]),
  sampleAttrs: draw => ({ axis: draw.pick([0, 1]), rows: draw.pick([1, 3, 5]) }),
})
