import { broadcasting, compare, kindOf, op, pointwise, wgslTruth } from '../lib/index.ts'
import type { Comparison } from './broadcast-types.ts'

/** a != b, numpy's broadcasting; of two tensors of one kind. */
export const notEqual: Comparison = op('notEqual', {
  kinds: 'a, a -> truth',
  rule: broadcasting(2),
  ...pointwise(
    (a: number, b: number) => Number(a !== b),
    (a, b) => (kindOf(a!) === 'index' ? wgslTruth`!${compare(a!, '==', b!)}` : wgslTruth`(${a!} != ${b!})`),
  ),
  laws: { 'is symmetric': (f, a, b) => [f(a, b), f(b, a)] },
})
