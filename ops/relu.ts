import { op, pointwise, wgsl, constant } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'
import { greater } from './greater.ts'
import { where } from './where.ts'

/** max(x, 0). */
export const relu: Same = op('relu', {
  rule: '...s -> ...s',
  ...pointwise(
    x => Math.max(x!, 0),
    x => wgsl`max(${x!}, ${0})`,
  ),
  gradient: (dy, { inputs: [x] }) => [where(greater(x!, constant(0)), dy, constant(0))],
  laws: { 'twice is once': (f, x) => [f(f(x)), f(x)] },
})
