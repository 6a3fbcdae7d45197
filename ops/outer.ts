import { op } from '../lib/index.ts'
import { einsum } from './einsum.ts'

/** y[i, j] = a[i] * b[j]: [M], [N] -> [M, N]. */
export const outer = op('outer', {
  kinds: 'float, float -> float',
  rule: 'm, n -> m n',
  meaning: (a, b) => einsum('m, n -> m n')(a, b),
})
