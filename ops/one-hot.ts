import { loosely, op, signatureRule, type Dim, type Index, type Shape, type Tensor } from '../lib/index.ts'
import { toFloat } from './cast.ts'
import { equal } from './equal.ts'
import { iota } from './iota.ts'
import { rearrange } from './rearrange.ts'

interface Attrs {
  readonly classes: Dim
}
/** Indices [..] -> numbers [.., classes], 1 at the index and 0 elsewhere. */
export const oneHot: <const C extends Dim>(classes: C) => <S extends Shape>(index: Index<S>) => Tensor<[...S, C]> = op(
  'oneHot',
  {
    args: (classes: Dim): Attrs => ({ classes }),
    kinds: 'index -> float',
    rule: signatureRule<Attrs>('...s -> ...s c', ({ classes }) => ({ c: classes })),
    meaning:
      ({ classes }: Attrs) =>
      index => {
        const column = loosely(rearrange)('...s -> ...s 1')(index!)
        return toFloat(equal(column as never, iota(classes)))
      },
    domain: (_, { attrs }) => [0, Number(attrs.classes) - 1],
    sampleAttrs: draw => ({ classes: Math.max(1, draw.size()) }),
  },
)
