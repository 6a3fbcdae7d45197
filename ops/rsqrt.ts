import { op, pointwise, wgsl } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'
import { mul } from './mul.ts'
import { pow } from './pow.ts'
import { scale } from './scale.ts'

/** 1 / sqrt(x), x > 0. */
export const rsqrt: Same = op('rsqrt', {
  rule: '...s -> ...s',
  ...pointwise(
    x => 1 / Math.sqrt(x!),
    x => wgsl`inverseSqrt(${x!})`,
  ),
  gradient: (dy, { output }) => [mul(dy, scale(-0.5)(pow(3)(output)))],
  domain: () => [0.25, 3],
})
