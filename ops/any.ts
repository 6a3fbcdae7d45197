import {
  convert,
  op,
  size,
  wgsl,
  wgslTruth,
  type FormInputs,
  type Reduce,
  type Shape,
  type Truth,
} from '../lib/index.ts'
import { alongAxes, foldReference, reductionRule, sampleAxes, type Axes, type Without } from './reduction.ts'

/** A reduction of truth values over axes, which leave the shape. */
export type TruthReduction = <const A extends readonly number[]>(
  ...axes: A
) => <S extends Shape>(x: Truth<S>) => Truth<Without<S, A[number]>>

/** Counts truth values over the axes and says of the count whether the result is true. */
export const countForm =
  (what: boolean, says: 'some' | 'none') =>
  ({ attrs, shapes: [shape = []] }: FormInputs<Axes>): Reduce => {
    const { rows, columns, place } = alongAxes(shape, attrs.axes)
    return {
      form: 'reduce',
      rows,
      columns,
      passes: [
        {
          name: 'count',
          monoid: 'sum',
          value: (load, row, column) => {
            const one = convert(load(0, place(row, column)), 'truth', 'float')
            return what ? one : wgsl`(${1} - ${one})`
          },
        },
      ],
      finish: {
        per: 'row',
        value: folded =>
          says === 'some' ? wgslTruth`(${folded('count')} > ${0})` : wgslTruth`(${folded('count')} == ${0})`,
      },
    }
  }

/** Is one of the elements over the axes true? Of none: false. */
export const any: TruthReduction = op('any', {
  args: (...axes: readonly number[]): Axes => ({ axes }),
  kinds: 'truth -> truth',
  rule: reductionRule,
  reference: foldReference(0, (total, x) => (total !== 0 || x !== 0 ? 1 : 0)),
  form: countForm(true, 'some'),
  gradient: () => [undefined],
  flops: ([x]) => size.prod(x!),
  sampleAttrs: sampleAxes,
})
