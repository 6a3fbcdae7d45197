import { constant, op, pointwiseWith, wgsl, type Expr, type Loose } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'
import { greaterEqual } from './greater-equal.ts'
import { lessEqual } from './less-equal.ts'
import { where } from './where.ts'

interface Attrs {
  readonly min?: number
  readonly max?: number
}
const limited = (x: Expr, { min, max }: Attrs): Expr => {
  const above = min === undefined ? x : wgsl`max(${x}, ${min})`
  return max === undefined ? above : wgsl`min(${above}, ${max})`
}

/** x limited to [min, max]; a missing bound does not limit. At a bound the gradient passes. */
export const clamp: (bounds: { readonly min?: number; readonly max?: number }) => Same = op('clamp', {
  args: (bounds: Attrs): Attrs => bounds,
  rule: '...s -> ...s',
  ...pointwiseWith<Attrs>(
    ({ min = -Infinity, max = Infinity }) =>
      x =>
        Math.min(Math.max(x!, min), max),
    attrs => x => limited(x!, attrs),
  ),
  gradient: (dy, { inputs: [x], attrs: { min, max } }) => {
    const above: Loose = min === undefined ? dy : where(greaterEqual(x!, constant(min)), dy, constant(0))
    return [max === undefined ? above : where(lessEqual(x!, constant(max)), above, constant(0))]
  },
  sampleAttrs: draw => draw.pick<Attrs>([{ min: -0.5 }, { max: 0.5 }, { min: -1, max: 1 }, {}]),
  laws: { 'twice is once': (f, x) => [f(f(x)), f(x)] },
})
