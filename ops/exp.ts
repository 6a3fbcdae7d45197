import { op, pointwise, wgsl } from '../lib/index.ts'
import { mul } from './mul.ts'

/** e to the power x. */
export const exp = op('exp', {
  rule: '...s -> ...s',
  ...pointwise(Math.exp, x => wgsl`exp(${x})`),
  gradient: (dy, { output }) => [mul(dy, output)],
})
