import { broadcasting, constant, kindOf, op, pointwise, wgsl, wgslIndex, type Loose } from '../lib/index.ts'
import type { Arithmetic } from './broadcast-types.ts'
import { equal } from './equal.ts'
import { greater } from './greater.ts'
import { scale } from './scale.ts'
import { sumTo } from './sum-to.ts'
import { where } from './where.ts'

/**
 * The larger of a and b, numpy's broadcasting. Where both are equal each gets half of the gradient. NaN wins, where the
 * device keeps NaN: WGSL lets it drop out.
 */
export const maximum: Arithmetic = op('maximum', {
  kinds: 'a, a -> a',
  rule: broadcasting(2),
  ...pointwise(
    (a, b) => Math.max(a!, b!),
    (a, b) => (kindOf(a!) === 'index' ? wgslIndex`max(${a!}, ${b!})` : wgsl`max(${a!}, ${b!})`),
  ),
  gradient: (dy, { inputs: [a, b] }) => {
    const half = where(equal(a!, b!), scale(0.5)(dy), constant(0))
    const share = (won: Loose, lost: Loose): Loose => where(greater(won, lost), dy, half)
    return [sumTo(a!.shape)(share(a!, b!)), sumTo(b!.shape)(share(b!, a!))]
  },
  laws: { 'max(a, b) = max(b, a)': (f, a, b) => [f(a, b), f(b, a)] },
})
