import { op, pointwise, wgsl } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { pow } from './pow.ts'
import { sub } from './sub.ts'

/** Hyperbolic tangent. */
export const tanh: Same = op('tanh', {
  rule: '...s -> ...s',
  // beyond 10 it is 1 in float32, and some drivers compute it by exponentials that overflow
  ...pointwise(
    x => Math.tanh(x!),
    x => wgsl`tanh(clamp(${x!}, ${-10}, ${10}))`,
  ),
  gradient: (dy, { output }) => [sub(dy, mul(dy, pow(2)(output)))],
  laws: { 'is odd': (f, x) => [f(neg(x)), neg(f(x))] },
})
