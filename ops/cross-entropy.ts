import {
  constant,
  constantIndex,
  loosely,
  op,
  signatureRule,
  size,
  type AnyTensor,
  type Dim,
  type Index,
  type Loose,
  type Rule,
  type Shape,
  type Tensor,
  type Truth,
} from '../lib/index.ts'
import { div } from './div.ts'
import { equal } from './equal.ts'
import { iota } from './iota.ts'
import { logsumexp } from './logsumexp.ts'
import { rearrange } from './rearrange.ts'
import { shift } from './shift.ts'
import { sub } from './sub.ts'
import { sum } from './sum.ts'
import { where } from './where.ts'

interface Attrs {
  readonly ignoreIndex: number
}
type CrossEntropy = (
  options?: Partial<Attrs>,
) => <S extends Shape, V extends Dim>(logits: Tensor<[...S, V]>, target: Index<NoInfer<S>>) => Tensor<[]>
const signature = signatureRule<Attrs>('...s v, ...s ->')
const rule: Rule<Attrs> = {
  ...signature,
  infer: (shapes, attrs) =>
    shapes[0]?.at(-1) === 0
      ? { why: `axis 'v' is 0: there is no class to choose`, inputs: [0], axis: 'v', sizes: [0] }
      : signature.infer(shapes, attrs),
}
const total = (x: AnyTensor): Loose =>
  x.shape.length === 0 ? (x as Loose) : (sum(...x.shape.map((_, k) => k))(x as Loose) as Loose)

/**
 * Mean of logsumexp(row) - row[target] over the rows of logits [..., V] whose target [...] is not `ignoreIndex` (-100 unless said). A
 * batch without any such row has no mean (NaN).
 */
export const crossEntropy: CrossEntropy = op('crossEntropy', {
  args: ({ ignoreIndex = -100 }: Partial<Attrs> = {}): Attrs => ({ ignoreIndex }),
  kinds: 'float, index -> float',
  rule,
  meaning:
    ({ ignoreIndex }) =>
    (logits, target) => {
      const none = constant(0) as Loose
      const classes = iota((logits.shape as Shape).at(-1)!)
      const column = loosely(rearrange)('...s -> ...s 1')(target)
      // a comparison instead of a gather: its gradient is one too, with nothing to scatter
      const chosen = equal(classes, column as never) as AnyTensor as Truth<Shape>
      const picked = sum(-1)(where(chosen as never, logits, none) as Loose)
      const loss = sub(logsumexp(-1)(logits), picked)
      const ignored = equal(target as never, constantIndex(ignoreIndex) as never) as never
      const count = total(where(ignored, none, constant(1) as Loose))
      return div(total(where(ignored, none, loss as Loose)), count)
    },
  laws: { 'does not see a constant': (f, x, target) => [f(shift(3)(x), target), f(x, target)] },
  flops: ([logits]) => size.mul(4, size.prod(logits!)),
  domain: (k, { shapes }) => (k === 1 ? [0, shapes[0]!.at(-1)! - 1] : [-2, 2]),
  // a batch that is ignored whole has no gradient, and chance would make some
  sampleAttrs: () => ({ ignoreIndex: -100 }),
})
