import { broadcasting, op, pointwise, wgslTruth } from '../lib/index.ts'
import type { Logic } from './broadcast-types.ts'

/** a or b, of truth values; numpy's broadcasting. */
export const logicalOr: Logic = op('logicalOr', {
  kinds: 'truth, truth -> truth',
  rule: broadcasting(2),
  ...pointwise(
    (a, b) => Math.max(a!, b!),
    (a, b) => wgslTruth`(${a!} | ${b!})`,
  ),
  domain: () => [0, 1],
  laws: { 'is symmetric': (f, a, b) => [f(a, b), f(b, a)] },
})
