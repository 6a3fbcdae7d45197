import {
  convert,
  kindOf,
  op,
  pointwise,
  signatureRule,
  type AnyTensor,
  type Index,
  type Kind,
  type Shape,
  type Tensor,
  type Truth,
} from '../lib/index.ts'

/** A tensor of any kind. */
interface Kinded<in out S extends Shape> extends AnyTensor {
  readonly shape: S
}
const keepsShape = signatureRule<undefined>('...s -> ...s')

/** x as numbers: exact for indices below 2^24 in magnitude; truth values become 0 and 1. */
export const toFloat: <S extends Shape>(x: Kinded<S>) => Tensor<S> = op('toFloat', {
  kinds: 'a -> float',
  rule: keepsShape,
  ...pointwise(
    x => x!,
    x => convert(x!, kindOf(x!), 'float'),
  ),
  gradient: dy => [dy],
})
/** x as indices: the fraction of a number is dropped, toward zero; truth values become 0 and 1. */
export const toIndex: <S extends Shape>(x: Kinded<S>) => Index<S> = op('toIndex', {
  kinds: 'a -> index',
  rule: keepsShape,
  ...pointwise(
    x => Math.trunc(x!),
    x => convert(x!, kindOf(x!), 'index'),
  ),
  domain: () => [-3, 3],
})
/** Is x not 0? */
export const toTruth: <S extends Shape>(x: Kinded<S>) => Truth<S> = op('toTruth', {
  kinds: 'a -> truth',
  rule: keepsShape,
  ...pointwise(
    x => (x === 0 ? 0 : 1),
    x => convert(x!, kindOf(x!), 'truth'),
  ),
})

const casts = { float: toFloat, index: toIndex, truth: toTruth }
/** Change of kind: `cast('index')(x)`. */
export const cast = <const K extends Kind>(to: K): (typeof casts)[K] => casts[to]
