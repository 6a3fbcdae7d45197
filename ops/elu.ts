import { op, signatureRule } from '../lib/index.ts'
import { add } from './add.ts'
import type { Same } from './broadcast-types.ts'
import { clamp } from './clamp.ts'
import { exp } from './exp.ts'
import { relu } from './relu.ts'
import { scale } from './scale.ts'
import { shift } from './shift.ts'

interface Attrs {
  readonly alpha: number
}
/** x where x > 0, else alpha * (exp(x) - 1). Clevert, Unterthiner & Hochreiter 2016. */
export const elu: (alpha: number) => Same = op('elu', {
  args: (alpha: number): Attrs => ({ alpha }),
  rule: signatureRule<Attrs>('...s -> ...s'),
  source: 'https://arxiv.org/abs/1511.07289',
  // the exponential sees no positive number, so that nothing overflows, in the gradient either
  meaning:
    ({ alpha }: Attrs) =>
    x => {
      const below = shift(-1)(exp(clamp({ max: 0 })(x)))
      return add(relu(x), scale(alpha)(below))
    },
  sampleAttrs: draw => ({ alpha: draw.number(0.5, 2) }),
})
