import { op, pointwise, wgsl, constant } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'
import { greater } from './greater.ts'
import { less } from './less.ts'
import { neg } from './neg.ts'
import { where } from './where.ts'

/** |x|; its gradient at 0 is 0. */
export const abs: Same = op('abs', {
  rule: '...s -> ...s',
  ...pointwise(
    x => Math.abs(x!),
    x => wgsl`abs(${x!})`,
  ),
  gradient: (dy, { inputs: [x] }) => {
    const negative = where(less(x!, constant(0)), neg(dy), constant(0))
    return [where(greater(x!, constant(0)), dy, negative)]
  },
  laws: { 'of -x': (f, x) => [f(neg(x)), f(x)] },
})
