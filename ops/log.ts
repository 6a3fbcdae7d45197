import { op, pointwise, wgsl } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'
import { div } from './div.ts'

/** Natural logarithm, x > 0. */
export const log: Same = op('log', {
  rule: '...s -> ...s',
  ...pointwise(
    x => Math.log(x!),
    x => wgsl`log(${x!})`,
  ),
  gradient: (dy, { inputs: [x] }) => [div(dy, x!)],
  domain: () => [0.25, 3],
})
