/**
 * Reference and form of an op that works element by element under numpy's broadcasting. Spread it into the record:
 *
 *   export const exp = op('exp', { rule: '...s -> ...s', ...pointwise(Math.exp, x => wgsl`exp(${x})`), gradient: … })
 */
import type { Reference } from '../graph/op.ts'
import type { Dim } from '../shape/index.ts'
import { literal, type Expr } from './expr.ts'
import type { Each, FormInputs } from './form.ts'
import { stridesOf, tabulate } from './row-major.ts'

/** The index in a tensor of this shape that broadcasting reads for an index of the output. */
export const broadcastIndex = (index: readonly Expr[], shape: readonly Dim[]): readonly Expr[] =>
  shape.map((d, k) => (d === 1 ? literal(0, 'index') : (index[index.length - shape.length + k] as Expr)))

interface Pointwise<A> {
  readonly reference: Reference<A>
  readonly form: (made: FormInputs<A>) => Each
}
/** The same for an op with attributes: both functions take them first. */
export const pointwiseWith = <A>(
  number: (attrs: A) => (...xs: number[]) => number,
  element: (attrs: A) => (...xs: Expr[]) => Expr,
): Pointwise<A> => ({
  reference: (inputs, { attrs, shape, shapes }) => {
    const f = number(attrs)
    const readers = inputs.map((x, k) => broadcastReader(x.data, shapes[k] as readonly number[], shape.length))
    return tabulate(shape, index => f(...readers.map(read => read(index))))
  },
  form: ({ attrs, inputs, shapes }) => ({
    form: 'each',
    value: (load, index) =>
      element(attrs)(...inputs.map((_, k) => load(k, broadcastIndex(index, shapes[k] as readonly Dim[])))),
  }),
})
export const pointwise = (
  number: (...xs: number[]) => number,
  element: (...xs: Expr[]) => Expr,
): Pointwise<undefined> =>
  pointwiseWith(
    () => number,
    () => element,
  )

const broadcastReader = (data: ArrayLike<number>, shape: readonly number[], rank: number) => {
  const strides = stridesOf(shape).map((s, k) => (shape[k] === 1 ? 0 : s))
  const skip = rank - shape.length
  return (index: readonly number[]): number => {
    let at = 0
    for (let k = 0; k < strides.length; k++) at += (index[k + skip] as number) * (strides[k] as number)
    return data[at] as number
  }
}
