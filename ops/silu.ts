import { op } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'
import { mul } from './mul.ts'
import { sigmoid } from './sigmoid.ts'

/** x * sigmoid(x), also named swish. Elfwing, Uchibe & Doya 2018. */
export const silu: Same = op('silu', {
  rule: '...s -> ...s',
  source: 'https://arxiv.org/abs/1702.03118',
  meaning: x => mul(x, sigmoid(x)),
})
