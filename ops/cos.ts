import { op, pointwise, wgsl } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { sin } from './sin.ts'
import { cosine } from './sine.ts'

/** Cosine. */
export const cos: Same = op('cos', {
  rule: '...s -> ...s',
  ...pointwise(
    x => Math.cos(x!),
    x => wgsl`${cosine}(${x!})`,
  ),
  gradient: (dy, { inputs: [x] }) => [neg(mul(dy, sin(x!)))],
})
