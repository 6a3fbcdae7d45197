import { broadcasting, kindOf, op, pointwise, times, wgsl } from '../lib/index.ts'
import type { Arithmetic } from './broadcast-types.ts'
import { sumTo } from './sum-to.ts'

/** a * b, numpy's broadcasting; of two tensors of one kind. */
export const mul: Arithmetic = op('mul', {
  rule: broadcasting(2),
  kinds: 'a, a -> a',
  ...pointwise(
    (a, b) => a! * b!,
    (a, b) => (kindOf(a!) === 'index' ? times(a!, b!) : wgsl`(${a!} * ${b!})`),
  ),
  gradient: (dy, { inputs: [a, b] }) => [sumTo(a!.shape)(mul(dy, b!)), sumTo(b!.shape)(mul(dy, a!))],
  laws: { 'a * b = b * a': (f, a, b) => [f(a, b), f(b, a)] },
})
