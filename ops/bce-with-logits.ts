import { op } from '../lib/index.ts'
import { lossAttrs, lossRule, reduced, sampleLoss, type Loss } from './losses.ts'
import { mul } from './mul.ts'
import { softplus } from './softplus.ts'
import { sub } from './sub.ts'

/** Binary cross-entropy of a logit and a target between 0 and 1, softplus(x) - x target: its mean unless `reduction` says otherwise. */
export const bceWithLogits: Loss = op('bceWithLogits', {
  args: lossAttrs,
  kinds: 'float, float -> float',
  rule: lossRule,
  meaning:
    ({ reduction }) =>
    (x, target) =>
      reduced(sub(softplus(x), mul(x, target)), reduction),
  sampleAttrs: sampleLoss,
})
