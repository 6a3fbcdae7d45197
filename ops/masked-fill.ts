import {
  broadcasting,
  constant,
  isRefusal,
  op,
  showShape,
  type Rule,
  type Shape,
  type Tensor,
  type Truth,
} from '../lib/index.ts'
import type { Broadcasts } from './broadcast-types.ts'
import { where } from './where.ts'

interface Attrs {
  readonly value: number
}
const rule: Rule<Attrs> = {
  sentence: () => 'input 2 broadcasts to input 1',
  infer: ([x, mask], attrs) => {
    if (x === undefined || mask === undefined) return { why: 'takes a tensor and a mask' }
    const met = broadcasting(2).infer([x, mask], attrs)
    if (isRefusal(met)) return met
    const wider = met.findIndex((d, k) => d !== x[k])
    if (met.length === x.length && wider < 0) return x
    const axis = met.length === x.length ? wider : 0
    const sizes = met.length === x.length ? [x[wider]!, met[wider]!] : [x.length, mask.length]
    return {
      why: `the mask ${showShape(mask)} does not broadcast to ${showShape(x)}: ${sizes.join(' and ')} at axis ${axis}`,
      inputs: [0, 1],
      axis,
      sizes,
    }
  },
  sample: draw => {
    const shape = Array.from({ length: draw.int(0, 3) }, draw.size)
    return [shape, shape.slice(draw.int(0, shape.length)).map(d => draw.pick([d, 1]))]
  },
}

/** x, but `value` where the mask holds; the mask broadcasts to the shape of x. */
export const maskedFill: (
  value: number,
) => <S extends Shape, M extends Shape>(x: Tensor<S>, mask: Truth<M> & Truth<Broadcasts<M, S>>) => Tensor<S> = op(
  'maskedFill',
  {
    args: (value: number): Attrs => ({ value }),
    kinds: 'float, truth -> float',
    rule,
    meaning:
      ({ value }: Attrs) =>
      (x, mask) =>
        where(mask as never, constant(value), x!),
    domain: k => (k === 1 ? [0, 1] : [-2, 2]),
    sampleAttrs: draw => ({ value: draw.number(-2, 2) }),
  },
)
