import { broadcasting, compare, kindOf, op, pointwise, wgslTruth } from '../lib/index.ts'
import type { Comparison } from './broadcast-types.ts'
import { greater } from './greater.ts'

/** a < b, numpy's broadcasting; of two tensors of one kind. */
export const less: Comparison = op('less', {
  kinds: 'a, a -> truth',
  rule: broadcasting(2),
  ...pointwise(
    (a: number, b: number) => Number(a < b),
    (a, b) => (kindOf(a!) === 'index' ? compare(a!, '<', b!) : wgslTruth`(${a!} < ${b!})`),
  ),
  laws: { 'is greater, turned': (f, a, b) => [f(a, b), greater(b, a)] },
})
