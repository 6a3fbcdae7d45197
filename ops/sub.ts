import { broadcasting, kindOf, minus, op, pointwise, wgsl } from '../lib/index.ts'
import { add } from './add.ts'
import type { Arithmetic } from './broadcast-types.ts'
import { neg } from './neg.ts'
import { sumTo } from './sum-to.ts'

/** a - b, numpy's broadcasting. */
export const sub: Arithmetic = op('sub', {
  kinds: 'a, a -> a',
  rule: broadcasting(2),
  ...pointwise(
    (a, b) => a! - b!,
    (a, b) => (kindOf(a!) === 'index' ? minus(a!, b!) : wgsl`(${a!} - ${b!})`),
  ),
  gradient: (dy, { inputs: [a, b] }) => [sumTo(a!.shape)(dy), sumTo(b!.shape)(neg(dy))],
  laws: { 'undoes addition': (f, a, b) => [f(add(a, b), b), add(a, f(b, b))] },
})
