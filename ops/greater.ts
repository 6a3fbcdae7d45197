import { broadcasting, compare, kindOf, op, pointwise, wgslTruth } from '../lib/index.ts'
import type { Comparison } from './broadcast-types.ts'
import { less } from './less.ts'

/** a > b, numpy's broadcasting; of two tensors of one kind. */
export const greater: Comparison = op('greater', {
  kinds: 'a, a -> truth',
  rule: broadcasting(2),
  ...pointwise(
    (a: number, b: number) => Number(a > b),
    (a, b) => (kindOf(a!) === 'index' ? compare(a!, '>', b!) : wgslTruth`(${a!} > ${b!})`),
  ),
  laws: { 'is less, turned': (f, a, b) => [f(a, b), less(b, a)] },
})
