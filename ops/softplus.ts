import { op, pointwise, wgsl } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'
import { mul } from './mul.ts'
import { sigmoid } from './sigmoid.ts'

/** log(1 + exp(x)), without overflow. */
export const softplus: Same = op('softplus', {
  rule: '...s -> ...s',
  ...pointwise(
    x => Math.max(x!, 0) + Math.log1p(Math.exp(-Math.abs(x!))),
    x => wgsl`(max(${x!}, ${0}) + log(${1} + exp(-abs(${x!}))))`,
  ),
  gradient: (dy, { inputs: [x] }) => [mul(dy, sigmoid(x!))],
})
