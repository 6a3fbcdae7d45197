import { and, broadcasting, op, pointwise } from '../lib/index.ts'
import type { Logic } from './broadcast-types.ts'

/** a and b, of truth values; numpy's broadcasting. */
export const logicalAnd: Logic = op('logicalAnd', {
  kinds: 'truth, truth -> truth',
  rule: broadcasting(2),
  ...pointwise(
    (a, b) => Math.min(a!, b!),
    (a, b) => and(a!, b!),
  ),
  domain: () => [0, 1],
  laws: { 'is symmetric': (f, a, b) => [f(a, b), f(b, a)] },
})
