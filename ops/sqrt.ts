import { op, pointwise, wgsl } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'
import { div } from './div.ts'
import { scale } from './scale.ts'

/** Square root, x > 0. */
export const sqrt: Same = op('sqrt', {
  rule: '...s -> ...s',
  ...pointwise(
    x => Math.sqrt(x!),
    x => wgsl`sqrt(${x!})`,
  ),
  gradient: (dy, { output }) => [div(scale(0.5)(dy), output)],
  domain: () => [0.25, 3],
})
