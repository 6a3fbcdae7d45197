import { op, pointwise, wgsl } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'
import { mul } from './mul.ts'
import { pow } from './pow.ts'
import { sub } from './sub.ts'

/** 1 / (1 + exp(-x)). */
export const sigmoid: Same = op('sigmoid', {
  rule: '...s -> ...s',
  ...pointwise(
    x => 1 / (1 + Math.exp(-x!)),
    x => wgsl`(${1} / (${1} + exp(-${x!})))`,
  ),
  gradient: (dy, { output }) => [mul(dy, sub(output, pow(2)(output)))],
})
