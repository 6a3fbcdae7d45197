import { op } from '../lib/index.ts'
import { abs } from './abs.ts'
import { lossAttrs, lossRule, reduced, sampleLoss, type Loss } from './losses.ts'
import { sub } from './sub.ts'

/** |x - target|: its mean unless `reduction` says 'sum' or 'none'. */
export const l1Loss: Loss = op('l1Loss', {
  args: lossAttrs,
  kinds: 'float, float -> float',
  rule: lossRule,
  meaning:
    ({ reduction }) =>
    (x, target) =>
      reduced(abs(sub(x, target)), reduction),
  laws: { 'of x and y is of y and x': (f, x, y) => [f(x, y), f(y, x)] },
  sampleAttrs: sampleLoss,
})
