import { broadcasting, kindOf, op, pointwise, wgsl, wgslIndex } from '../lib/index.ts'
import type { Arithmetic } from './broadcast-types.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { div } from './div.ts'
import { sub } from './sub.ts'
import { sumTo } from './sum-to.ts'

/** What a / b leaves when its quotient drops the fraction, toward zero: the sign is that of a. numpy's broadcasting. */
export const remainder: Arithmetic = op('remainder', {
  kinds: 'a, a -> a',
  rule: broadcasting(2),
  ...pointwise(
    (a, b) => a! % b!,
    (a, b) => (kindOf(a!) === 'index' ? wgslIndex`(${a!} % ${b!})` : wgsl`(${a!} % ${b!})`),
  ),
  // the quotient is constant between its steps
  gradient: (dy, { inputs: [a, b], output }) => {
    const quotient = div(sub(a!, output), b!)
    return [sumTo(a!.shape)(dy), sumTo(b!.shape)(neg(mul(dy, quotient)))]
  },
  domain: k => (k === 1 ? [2, 3] : [0.5, 1.5]),
})
