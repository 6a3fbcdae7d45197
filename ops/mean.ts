import { op, size } from '../lib/index.ts'
import { overSize } from './over-size.ts'
import { fromFront, reductionRule, sampleAxes, type Axes, type Reduction } from './reduction.ts'
import { sum } from './sum.ts'
import { shift } from './shift.ts'

/** Arithmetic mean over axes, which leave the shape: `mean(-1)`, `mean(0, 1)`. */
export const mean: Reduction = op('mean', {
  args: (...axes: readonly number[]): Axes => ({ axes }),
  rule: reductionRule,
  meaning: attrs => x => {
    const folded = fromFront(attrs.axes, x.shape.length)
    return overSize(size.prod(folded.map(k => x.shape[k]!)))(sum(...folded)(x))
  },
  sampleAttrs: sampleAxes,
  laws: { 'a constant comes out': (f, x) => [f(shift(3)(x)), shift(3)(f(x))] },
})
