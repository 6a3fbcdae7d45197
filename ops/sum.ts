import {
  eachIndex,
  op,
  showShape,
  size,
  stridesOf,
  type Rule,
  type Tensor,
  type Dim,
  type Shape,
  type Reduce,
  type FormInputs,
  type Monoid,
} from '../lib/index.ts'
import { broadcastTo } from './broadcast-to.ts'

/** The axes that a reduction folds, counted from the end where negative. */
export interface Axes {
  readonly axes: readonly number[]
}
/** A reduction over axes given by number: they leave the shape. Of the last axis the type is known. */
export interface Reduction {
  (axis: -1): <S extends Shape, A extends Dim>(x: Tensor<[...S, A]>) => Tensor<S>
  (...axes: readonly number[]): (x: Tensor<Shape>) => Tensor<Shape>
}
/** Axes counted from the front, in rising order. */
export const fromFront = (axes: readonly number[], rank: number): number[] =>
  axes.map(a => (a < 0 ? a + rank : a)).sort((a, b) => a - b)

export const reductionRule: Rule<Axes> = {
  sentence: ({ axes }) => `... -> ... without axes ${axes.join(', ')}`,
  infer: ([shape = []], { axes }) => {
    const front = fromFront(axes, shape.length)
    const wrong = axes.find((_, k) => !(front[k]! >= 0 && front[k]! < shape.length) || front.indexOf(front[k]!) !== k)
    if (wrong !== undefined)
      return {
        why: `axis ${wrong} is not one of ${showShape(shape)}`,
        inputs: [0],
        axis: wrong,
        sizes: [wrong, shape.length],
      }
    return shape.filter((_, k) => !front.includes(k))
  },
  sample: (draw, { axes }) => {
    const rank = Math.max(...axes.map(a => (a < 0 ? -a : a + 1)))
    return [Array.from({ length: rank + draw.int(0, 1) }, draw.size)]
  },
}
export const sampleAxes = (draw: { pick: <const T>(c: readonly T[]) => T }): Axes => ({
  axes: [...draw.pick([[-1], [0], [0, 1], [-2], [0, -1]])],
})

/** A form that folds the axes by one monoid. */
export const foldAxes =
  (monoid: Monoid) =>
  ({ attrs, shapes: [shape = []] }: FormInputs<Axes>): Reduce => {
    const folded = fromFront(attrs.axes, shape.length)
    const kept = shape.map((_, k) => k).filter(k => !folded.includes(k))
    return {
      form: 'reduce',
      rows: kept.map(k => shape[k]!),
      columns: folded.map(k => shape[k]!),
      passes: [
        {
          name: 'total',
          monoid,
          value: (load, row, column) =>
            load(
              0,
              shape.map((_, k) => (folded.includes(k) ? column[folded.indexOf(k)]! : row[kept.indexOf(k)]!)),
            ),
        },
      ],
      finish: { per: 'row', value: fold => fold('total') },
    }
  }
/** A reference that folds the axes of the first input into `shape`, starting from `zero`. */
export const foldReference =
  (zero: number, step: (total: number, x: number) => number) =>
  (
    [x]: readonly { data: ArrayLike<number>; shape: readonly number[] }[],
    { attrs, shape }: { attrs: Axes; shape: readonly number[] },
  ): Float64Array => {
    const folded = fromFront(attrs.axes, x!.shape.length)
    const out = new Float64Array(shape.reduce((a, b) => a * b, 1)).fill(zero)
    const strides = stridesOf(shape)
    eachIndex(x!.shape, (index, position) => {
      const at = index.filter((_, k) => !folded.includes(k)).reduce((p, i, k) => p + i * strides[k]!, 0)
      out[at] = step(out[at]!, x!.data[position]!)
    })
    return out
  }

/** Sum over axes, which leave the shape: `sum(-1)`, `sum(0, 1)`. The sum of nothing is 0. */
export const sum: Reduction = op('sum', {
  args: (...axes: readonly number[]): Axes => ({ axes }),
  rule: reductionRule,
  reference: foldReference(0, (total, x) => total + x),
  form: foldAxes('sum'),
  gradient: (dy, { inputs: [x], attrs }) => [broadcastTo(x!.shape, fromFront(attrs.axes, x!.shape.length))(dy)],
  flops: ([shape]) => size.prod(shape!),
  sampleAttrs: sampleAxes,
})
