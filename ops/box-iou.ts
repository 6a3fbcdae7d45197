import { loosely, op, type Loose } from '../lib/index.ts'
import { add } from './add.ts'
import { clamp } from './clamp.ts'
import { div } from './div.ts'
import { maximum } from './maximum.ts'
import { minimum } from './minimum.ts'
import { mul } from './mul.ts'
import { rearrange } from './rearrange.ts'
import { slice } from './slice.ts'
import { sub } from './sub.ts'

/** number k of every box, in a column [N, 1] */
const corner = (boxes: Loose, k: number): Loose => slice({ axis: 1, start: k, stop: k + 1 })(boxes) as Loose
const area = (boxes: Loose): Loose =>
  mul(sub(corner(boxes, 2), corner(boxes, 0)), sub(corner(boxes, 3), corner(boxes, 1))) as Loose
const asRow = (column: Loose): Loose => loosely(rearrange)('m 1 -> 1 m')(column)

/**
 * Intersection over union of every box of a with every box of b: [N, 4], [M, 4] -> [N, M], boxes as x1 y1 x2 y2, areas without + 1.
 * Two boxes without area have none (NaN).
 */
export const boxIou = op('boxIou', {
  kinds: 'float, float -> float',
  rule: 'n 4, m 4 -> n m',
  laws: { 'a with b is b with a': (f, a, b) => [f(a, b), loosely(rearrange)('m n -> n m')(f(b, a))] },
  meaning: (a, b) => {
    const overlap = (low: number): Loose => {
      const from = maximum(corner(a, low), asRow(corner(b, low)))
      const to = minimum(corner(a, low + 2), asRow(corner(b, low + 2)))
      return clamp({ min: 0 })(sub(to, from)) as Loose
    }
    const intersection = mul(overlap(0), overlap(1))
    const union = sub(add(area(a), asRow(area(b))), intersection)
    return div(intersection, union)
  },
})
