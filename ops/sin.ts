import { op, pointwise, wgsl } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'
import { cos } from './cos.ts'
import { mul } from './mul.ts'
import { sine } from './sine.ts'

/** Sine. */
export const sin: Same = op('sin', {
  rule: '...s -> ...s',
  ...pointwise(
    x => Math.sin(x!),
    x => wgsl`${sine}(${x!})`,
  ),
  gradient: (dy, { inputs: [x] }) => [mul(dy, cos(x!))],
})
