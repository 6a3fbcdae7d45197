import { op } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'
import { mul } from './mul.ts'
import { scale } from './scale.ts'
import { sigmoid } from './sigmoid.ts'

/** x * sigmoid(1.702 x), the activation of CLIP. Hendrycks & Gimpel 2016. */
export const quickGelu: Same = op('quickGelu', {
  rule: '...s -> ...s',
  source: 'https://arxiv.org/abs/1606.08415',
  meaning: x => mul(x, sigmoid(scale(1.702)(x))),
})
