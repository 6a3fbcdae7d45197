import {
  broadcastIndex,
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
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { axisFromFront, replaceAxis, wrongAxis } from './axes.ts'
import { takeAlong, wrongRank } from './take-along.ts'

interface Attrs {
  readonly axis: number
  readonly rows: Dim
}
const rule: Rule<Attrs> = {
  sentence: ({ axis, rows }) => `axis ${axis} of input 1, as long as that of input 2, becomes ${rows}`,
  infer: ([x, index], { axis, rows }) => {
    if (x === undefined || index === undefined) return { why: 'takes a tensor and indices' }
    const wrong = wrongAxis([axis], x) ?? wrongRank(x, index)
    if (wrong !== undefined) return wrong
    const at = axisFromFront(axis, x.length)
    const other = x.findIndex((d, k) => d !== index[k] && (k === at || index[k] !== 1))
    if (other < 0) return replaceAxis(x, at, rows)
    return {
      why: `axis ${other} is ${x[other]} in input 1 but ${index[other]} in input 2`,
      inputs: [0, 1],
      axis: other,
      sizes: [index[other]!, x[other]!],
    }
  },
  sample: (draw, { axis }) => {
    const shape = Array.from({ length: draw.int(axis < 0 ? -axis : axis + 1, 3) }, draw.size)
    const at = axisFromFront(axis, shape.length)
    return [shape, shape.map((d, k) => (k === at ? d : draw.pick([d, 1])))]
  },
}

/**
 * The adjoint of takeAlong: from zeros, `rows` of them along the axis, y[b, index[b, i, r], r] += x[b, i, r]. Off the axis the index may be
 * 1 long. Repeated indices accumulate, in a fixed order. Indices are from 0 and below `rows`; others are the caller's error.
 */
export const scatterAddAlong: (
  axis: number,
  rows: Dim,
) => <S extends Shape, I extends Shape>(x: Tensor<S>, index: Index<I>) => Tensor<Shape> = op('scatterAddAlong', {
  args: (axis: number, rows: Dim): Attrs => ({ axis, rows }),
  kinds: 'float, index -> float',
  rule,
  reference: ([x, index], { attrs, shape }) => {
    const axis = axisFromFront(attrs.axis, shape.length)
    const out = new Float64Array(shape.reduce((a, b) => a * b, 1))
    const strides = stridesOf(shape)
    const indexSteps = stridesOf(index!.shape).map((s, k) => (index!.shape[k] === 1 && k !== axis ? 0 : s))
    eachIndex(x!.shape, (at, position) => {
      const row = index!.data[positionOf(at, indexSteps)]!
      const to = positionOf(replaceAxis(at, axis, row) as number[], strides)
      out[to] = out[to]! + x!.data[position]!
    })
    return out
  },
  // every element of the output has one owner, which adds in order
  form: ({ attrs, shape, shapes: [x, index] }) => {
    const axis = axisFromFront(attrs.axis, shape.length)
    return {
      form: 'reduce',
      rows: shape,
      columns: [x![axis]!],
      passes: [
        {
          name: 'total',
          monoid: 'sum',
          value: (load, row, [column]) => {
            const at = [...row.slice(0, axis), column!, ...row.slice(axis + 1)]
            const mine = compare(load(1, broadcastIndex(at, index!)), '==', row[axis]!)
            return select(mine, load(0, at), literal(0))
          },
        },
      ],
      finish: { per: 'row', value: folded => folded('total') },
    }
  },
  gradient: (dy, { inputs: [, index], attrs }) => [takeAlong(attrs.axis)(dy, index as never), undefined],
  flops: ([x]) => size.prod(x!),
  domain: (k, { attrs }) => (k === 1 ? [0, Number(attrs.rows) - 1] : [-2, 2]),
  sampleAttrs: draw => ({ axis: draw.pick([0, -1, 1]), rows: draw.pick([1, 3, 5]) }),
})
