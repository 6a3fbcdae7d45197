import { op } from '../lib/index.ts'
import { einsum } from './einsum.ts'

/** Sum of a * b over the last axis: [...S, K], [...S, K] -> [...S]. */
export const dot = op('dot', {
  kinds: 'float, float -> float',
  rule: '...s k, ...s k -> ...s',
  laws: { 'a b = b a': (f, a, b) => [f(a, b), f(b, a)] },
  meaning: (a, b) => einsum('...s k, ...s k -> ...s')(a, b),
})
