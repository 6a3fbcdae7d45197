/** What reductions share: their rule, the type of their result, their form and their reference. Imports no op, so that any op may import it. */
import {
  eachIndex,
  isRefusal,
  stridesOf,
  type Dim,
  type Draw,
  type Expr,
  type FormInputs,
  type Monoid,
  type Reduce,
  type Rule,
  type Shape,
  wgsl,
  type Tensor,
} from '../lib/index.ts'
import { wrongAxis } from './axes.ts'

/** The axes that a reduction folds, counted from the end where negative. */
export interface Axes {
  readonly axes: readonly number[]
}
/** A shape without the axes A, which count from the end where negative. */
export type Without<S extends Shape, A extends number> = WithoutI<S, A> extends infer R extends Shape ? R : never
type WithoutI<S extends Shape, A extends number> = number extends A | S['length'] ? Shape : Kept<S, A>
type Kept<S extends Shape, A extends number, Front extends 0[] = [], Acc extends Shape = []> = S extends readonly [
  infer H extends Dim,
  ...infer R extends Shape,
]
  ? Kept<R, A, [...Front, 0], Front['length'] extends A ? Acc : Negative<S['length']> extends A ? Acc : [...Acc, H]>
  : Acc
type Negative<N extends number> = `-${N}` extends `${infer M extends number}` ? M : never
/** A reduction over axes given by number: they leave the shape. */
export interface Reduction {
  (axis: -1): <S extends Shape, A extends Dim>(x: Tensor<[...S, A]>) => Tensor<S>
  <const A extends readonly number[]>(...axes: A): <S extends Shape>(x: Tensor<S>) => Tensor<Without<S, A[number]>>
}
/** Axes counted from the front, in rising order. */
export const fromFront = (axes: readonly number[], rank: number): number[] =>
  axes.map(a => (a < 0 ? a + rank : a)).sort((a, b) => a - b)

export const reductionRule: Rule<Axes> = {
  sentence: ({ axes }) => `... -> ... without axes ${axes.join(', ')}`,
  infer: ([shape = []], { axes }) => {
    const front = fromFront(axes, shape.length)
    const wrong = wrongAxis(axes, shape)
    if (wrong !== undefined) return wrong
    return shape.filter((_, k) => !front.includes(k))
  },
  sample: (draw, { axes }) => {
    let rank = Math.max(...axes.map(a => (a < 0 ? -a : a + 1)))
    // axes counted from both ends are different ones on a shape that is long enough
    while (new Set(fromFront(axes, rank)).size < axes.length) rank++
    return [Array.from({ length: rank + draw.int(0, 1) }, draw.size)]
  },
}
/** As for sums, but an axis of length 0 cannot be folded: nothing has no largest element. */
export const extremeRule: Rule<Axes> = {
  ...reductionRule,
  infer: (shapes, attrs) => {
    const shape = reductionRule.infer(shapes, attrs)
    const empty = attrs.axes.find(a => shapes[0]?.at(a) === 0)
    if (isRefusal(shape) || empty === undefined) return shape
    return { why: `axis ${empty} has 0 elements: there is no extreme one`, inputs: [0], axis: empty, sizes: [0] }
  },
}
export const sampleAxes = (draw: Draw): Axes => ({
  axes: [...draw.pick([[-1], [0], [0, 1], [-2], [0, -1]])],
})
export const sampleAxis = (draw: Draw): Axes => ({ axes: [draw.pick([-1, 0, 1])] })

/** Some axes as columns, all others as rows. */
export interface AlongAxes {
  readonly rows: Shape
  readonly columns: Shape
  /** the index of an element, from its row and its column */
  readonly place: (row: readonly Expr[], column: readonly Expr[]) => readonly Expr[]
}
export const alongAxes = (shape: Shape, axes: readonly number[]): AlongAxes => {
  const folded = fromFront(axes, shape.length)
  const kept = shape.map((_, k) => k).filter(k => !folded.includes(k))
  return {
    rows: kept.map(k => shape[k]!),
    columns: folded.map(k => shape[k]!),
    place: (row, column) =>
      shape.map((_, k) => (folded.includes(k) ? column[folded.indexOf(k)]! : row[kept.indexOf(k)]!)),
  }
}
/** The passes `largest` and `total`, the sum of exp(x - largest): what softmax and its logarithms begin with. */
export const sumOfExponentials = (place: AlongAxes['place']): Reduce['passes'] => [
  { name: 'largest', monoid: 'max', value: (load, row, column) => load(0, place(row, column)) },
  {
    name: 'total',
    monoid: 'sum',
    value: (load, row, column, folded) => wgsl`exp(${load(0, place(row, column))} - ${folded('largest')})`,
  },
]
/** A form that folds the axes by one monoid. */
export const foldAxes =
  (monoid: Monoid) =>
  ({ attrs, shapes: [shape = []] }: FormInputs<Axes>): Reduce => {
    const { rows, columns, place } = alongAxes(shape, attrs.axes)
    return {
      form: 'reduce',
      rows,
      columns,
      passes: [{ name: 'total', monoid, value: (load, row, column) => load(0, place(row, column)) }],
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
