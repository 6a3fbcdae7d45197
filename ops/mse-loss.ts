import { op } from '../lib/index.ts'
import { lossAttrs, lossRule, reduced, sampleLoss, type Loss } from './losses.ts'
import { mul } from './mul.ts'
import { sub } from './sub.ts'

/** (x - target)^2: its mean unless `reduction` says 'sum' or 'none'. */
export const mseLoss: Loss = op('mseLoss', {
  args: lossAttrs,
  kinds: 'float, float -> float',
  rule: lossRule,
  meaning:
    ({ reduction }) =>
    (x, target) => {
      const distance = sub(x, target)
      return reduced(mul(distance, distance), reduction)
    },
  laws: { 'of x and y is of y and x': (f, x, y) => [f(x, y), f(y, x)] },
  sampleAttrs: sampleLoss,
})
