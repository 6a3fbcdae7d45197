import { op, pointwise, wgsl } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'

/** -x. */
export const neg: Same = op('neg', {
  rule: '...s -> ...s',
  ...pointwise(
    x => -x!,
    x => wgsl`(-${x!})`,
  ),
  gradient: dy => [neg(dy)],
  laws: { 'undoes itself': (f, x) => [f(f(x)), x] },
})
