import { op } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'
import { erf } from './erf.ts'
import { mul } from './mul.ts'
import { scale } from './scale.ts'
import { shift } from './shift.ts'

/** x * (1 + erf(x / sqrt 2)) / 2, the exact form. Hendrycks & Gimpel 2016. */
export const gelu: Same = op('gelu', {
  rule: '...s -> ...s',
  source: 'https://arxiv.org/abs/1606.08415',
  meaning: x => {
    const twice = shift(1)(erf(scale(Math.SQRT1_2)(x)))
    return mul(scale(0.5)(x), twice)
  },
})
