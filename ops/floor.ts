import { op, pointwise, wgsl } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'

/** Largest whole number not above x. Its gradient is 0. */
export const floor: Same = op('floor', {
  rule: '...s -> ...s',
  ...pointwise(
    x => Math.floor(x!),
    x => wgsl`floor(${x!})`,
  ),
  gradient: () => [undefined],
  laws: { 'twice is once': (f, x) => [f(f(x)), f(x)] },
})
