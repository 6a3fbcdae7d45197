import { op, pointwise, wgsl } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { pow } from './pow.ts'

/** 1 / x. */
export const reciprocal: Same = op('reciprocal', {
  rule: '...s -> ...s',
  ...pointwise(
    x => 1 / x!,
    x => wgsl`(${1} / ${x!})`,
  ),
  gradient: (dy, { output }) => [neg(mul(dy, pow(2)(output)))],
  domain: () => [0.25, 3],
  laws: { 'undoes itself': (f, x) => [f(f(x)), x] },
})
