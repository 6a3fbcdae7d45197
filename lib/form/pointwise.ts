/**
 * Reference and form of an op that works element by element under numpy's broadcasting. Spread it into the record:
 *
 *   export const exp = op('exp', { rule: '...s -> ...s', ...pointwise(Math.exp, x => wgsl`exp(${x})`), gradient: … })
 */
import type { Reference } from '../graph/op.ts'
import type { Value } from '../graph/value.ts'
import type { Dim } from '../shape/index.ts'
import { literal, type Expr } from './expr.ts'
import type { Each, FormInputs } from './form.ts'
import { positionOf, stridesOf, tabulate } from './row-major.ts'

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
  reference: (inputs, { attrs, shape }) => {
    const f = number(attrs)
    const [a, b, ...more] = inputs.map(x => broadcastData(x, shape))
    const out = new Float64Array(shape.reduce((n, d) => n * d, 1))
    // one loop for each usual number of inputs: a reference is plain, not slow
    if (b === undefined) for (let i = 0; i < out.length; i++) out[i] = f(a![i]!)
    else if (more.length === 0) for (let i = 0; i < out.length; i++) out[i] = f(a![i]!, b[i]!)
    else for (let i = 0; i < out.length; i++) out[i] = f(a![i]!, b[i]!, ...more.map(x => x[i]!))
    return out
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

/** The numbers of a value repeated to a shape. */
const broadcastData = ({ data, shape: from }: Value, shape: readonly number[]): ArrayLike<number> => {
  const skip = shape.length - from.length
  if (skip === 0 && from.every((d, k) => d === shape[k])) return data
  const strides = stridesOf(from)
  const steps = shape.map((_, k) => (k < skip || from[k - skip] === 1 ? 0 : strides[k - skip]!))
  return tabulate(shape, index => data[positionOf(index, steps)]!)
}
