/** What variance and layer normalisations share: two folds of a row, its total and the squares of its distances from the mean. */
import { size, wgsl, type Dim, type Expr, type Load, type Reduce } from '../lib/index.ts'
import { sizeAsFloat, square } from './over-size.ts'
import { alongAxes } from './reduction.ts'

type At = readonly Expr[]
type Folded = (name: string) => Expr

/** Rows of input 0 over axes, folded as `total` and `squares`; `count` is how long they are. */
export const aboutMean = (shape: readonly Dim[], axes: readonly number[]) => {
  const { rows, columns, place } = alongAxes(shape, axes)
  const count = sizeAsFloat(size.prod(columns))
  /** of an element from the mean of its row */
  const distance = (load: Load, row: At, column: At, folded: Folded): Expr =>
    wgsl`(${load(0, place(row, column))} - ${folded('total')} / ${count})`
  const passes: Reduce['passes'] = [
    { name: 'total', monoid: 'sum', value: (load, row, column) => load(0, place(row, column)) },
    {
      name: 'squares',
      monoid: 'sum',
      value: (load, row, column, folded) => wgsl`${square}(${distance(load, row, column, folded)})`,
    },
  ]
  return { rows, columns, place, count, distance, passes }
}
