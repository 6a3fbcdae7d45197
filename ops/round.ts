import { op, pointwise, wgsl } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'

const toEven = (x: number): number => {
  const below = Math.floor(x)
  const rest = x - below
  if (rest === 0.5) return below % 2 === 0 ? below : below + 1
  return rest < 0.5 ? below : below + 1
}

/** Nearest whole number, halves to the even one. Its gradient is 0. */
export const round: Same = op('round', {
  rule: '...s -> ...s',
  ...pointwise(
    x => toEven(x!),
    x => wgsl`round(${x!})`,
  ),
  gradient: () => [undefined],
  laws: { 'twice is once': (f, x) => [f(f(x)), f(x)] },
})
