import { op, size, type FormInputs, type Reduce } from '../lib/index.ts'
import { positionReference, type Position } from './argmax.ts'
import { extremeRule, foldAxes, sampleAxis, type Axes } from './reduction.ts'
import { scale } from './scale.ts'

/** Where the smallest element along an axis is: the first of equal ones, and of NaNs. [.., N, ..] -> indices without that axis. */
export const argmin: Position = op('argmin', {
  args: (axis: number): Axes => ({ axes: [axis] }),
  kinds: 'float -> index',
  rule: extremeRule,
  reference: positionReference((x, best) => x < best),
  form: (made: FormInputs<Axes>): Reduce => foldAxes('argmin')(made),
  gradient: () => [undefined],
  flops: ([shape]) => size.prod(shape!),
  laws: { 'does not see the scale': (f, x) => [f(scale(2)(x)), f(x)] },
  sampleAttrs: sampleAxis,
})
