import { broadcasting, kindOf, op, plus, pointwise, wgsl } from '../lib/index.ts'
import type { Arithmetic } from './broadcast-types.ts'
import { sumTo } from './sum-to.ts'

/** a + b, numpy's broadcasting; of two tensors of one kind. */
export const add: Arithmetic = op('add', {
  kinds: 'a, a -> a',
  rule: broadcasting(2),
  ...pointwise(
    (a, b) => a! + b!,
    (a, b) => (kindOf(a!) === 'index' ? plus(a!, b!) : wgsl`(${a!} + ${b!})`),
  ),
  gradient: (dy, { inputs: [a, b] }) => [sumTo(a!.shape)(dy), sumTo(b!.shape)(dy)],
  laws: { 'a + b = b + a': (f, a, b) => [f(a, b), f(b, a)] },
})
