import { op } from '../lib/index.ts'
import { einsum } from './einsum.ts'

/** Sum of a * b over the last axis: [...S, K], [...S, K] -> [...S]. */
export const dot = op('dot', {
  kinds: 'float, float -> float',
  rule: '...s k, ...s k -> ...s',
  meaning: (a, b) => einsum('...s k, ...s k -> ...s')(a, b),
})
