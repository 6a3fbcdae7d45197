import { broadcasting, compare, kindOf, op, pointwise, wgslTruth } from '../lib/index.ts'
import type { Comparison } from './broadcast-types.ts'
import { lessEqual } from './less-equal.ts'

/** a >= b, numpy's broadcasting; of two tensors of one kind. */
export const greaterEqual: Comparison = op('greaterEqual', {
  kinds: 'a, a -> truth',
  rule: broadcasting(2),
  ...pointwise(
    (a: number, b: number) => Number(a >= b),
    (a, b) => (kindOf(a!) === 'index' ? compare(a!, '>=', b!) : wgslTruth`(${a!} >= ${b!})`),
  ),
  laws: { 'is lessEqual, turned': (f, a, b) => [f(a, b), lessEqual(b, a)] },
})
