import { broadcasting, constant, kindOf, op, pointwise, wgsl, wgslIndex, type Loose } from '../lib/index.ts'
import type { Arithmetic } from './broadcast-types.ts'
import { equal } from './equal.ts'
import { less } from './less.ts'
import { scale } from './scale.ts'
import { sumTo } from './sum-to.ts'
import { where } from './where.ts'

/**
 * The smaller of a and b, numpy's broadcasting. Where both are equal each gets half of the gradient. NaN wins, where the
 * device keeps NaN: WGSL lets it drop out.
 */
export const minimum: Arithmetic = op('minimum', {
  kinds: 'a, a -> a',
  rule: broadcasting(2),
  ...pointwise(
    (a, b) => Math.min(a!, b!),
    (a, b) => (kindOf(a!) === 'index' ? wgslIndex`min(${a!}, ${b!})` : wgsl`min(${a!}, ${b!})`),
  ),
  gradient: (dy, { inputs: [a, b] }) => {
    const half = where(equal(a!, b!), scale(0.5)(dy), constant(0))
    const share = (won: Loose, lost: Loose): Loose => where(less(won, lost), dy, half)
    return [sumTo(a!.shape)(share(a!, b!)), sumTo(b!.shape)(share(b!, a!))]
  },
  laws: { 'min(a, b) = min(b, a)': (f, a, b) => [f(a, b), f(b, a)] },
})
