import {
  broadcasting,
  constant,
  op,
  pointwise,
  select,
  type AnyTensor,
  type Index,
  type Shape,
  type Tensor,
  type Truth,
} from '../lib/index.ts'
import type { Broadcasts, BroadcastShape } from './broadcast-types.ts'
import { logicalNot } from './logical-not.ts'
import { sumTo } from './sum-to.ts'

interface Where {
  <S extends Shape>(condition: Truth<S>, yes: Tensor<S>, no: Tensor<S>): Tensor<S>
  <S extends Shape>(condition: Truth<S>, yes: Index<S>, no: Index<S>): Index<S>
  <C extends Shape, A extends Shape, B extends Shape>(
    condition: Truth<C>,
    yes: Index<A> & Index<Broadcasts<A, C>>,
    no: Index<B> & Index<Broadcasts<B, BroadcastShape<C, A>>>,
  ): Index<BroadcastShape<BroadcastShape<C, A>, B>>
  <C extends Shape, A extends Shape, B extends Shape>(
    condition: Truth<C>,
    yes: Tensor<A> & Tensor<Broadcasts<A, C>>,
    no: Tensor<B> & Tensor<Broadcasts<B, BroadcastShape<C, A>>>,
  ): Tensor<BroadcastShape<BroadcastShape<C, A>, B>>
}

/** `yes` where the condition holds, `no` elsewhere; numpy's broadcasting of all three. The values are of one kind. */
export const where: Where = op('where', {
  kinds: 'truth, a, a -> a',
  rule: broadcasting(3),
  ...pointwise(
    (condition, yes, no) => (condition === 0 ? no! : yes!),
    (condition, yes, no) => select(condition!, yes!, no!),
  ),
  gradient: (dy, { inputs: [given, yes, no] }) => {
    const condition = given as AnyTensor as Truth<Shape>
    const forYes = where(condition, dy, constant(0))
    const forNo = where(condition, constant(0), dy)
    return [undefined, sumTo(yes!.shape)(forYes), sumTo(no!.shape)(forNo)]
  },
  domain: k => (k === 0 ? [0, 1] : [-2, 2]),
  laws: {
    'the other side where not': (f, c, a, b) => [f(c, a, b), f(logicalNot(c as AnyTensor as Truth<Shape>), b, a)],
  },
})
