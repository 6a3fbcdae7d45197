import { op, size } from '../lib/index.ts'
import { countForm, type TruthReduction } from './any.ts'
import { foldReference, reductionRule, sampleAxes, type Axes } from './reduction.ts'

/** Are all elements over the axes true? Of none: true. (The file is not `all.ts`, which is the list of ops.) */
export const all: TruthReduction = op('all', {
  args: (...axes: readonly number[]): Axes => ({ axes }),
  kinds: 'truth -> truth',
  rule: reductionRule,
  reference: foldReference(1, (total, x) => (total !== 0 && x !== 0 ? 1 : 0)),
  form: countForm(false, 'none'),
  gradient: () => [undefined],
  flops: ([x]) => size.prod(x!),
  sampleAttrs: sampleAxes,
})
