import { loosely, op, signatureRule, type Dim, type Shape, type Tensor } from '../lib/index.ts'
import { rearrange } from './rearrange.ts'

/** Exchanges the last two axes; others are exchanged by swapAxes. */
export const transpose: <S extends Shape, A extends Dim, B extends Dim>(
  x: Tensor<[...S, A, B]>,
) => Tensor<[...S, B, A]> = op('transpose', {
  kinds: 'a -> a',
  rule: signatureRule<undefined>('...s a b -> ...s b a'),
  meaning: x => loosely(rearrange)('...s a b -> ...s b a')(x),
  flops: () => 0,
  laws: { 'undoes itself': (f, x) => [f(f(x)), x] },
})
