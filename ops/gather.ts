import { op, size, type Index, type Rule, type Shape, type Tensor } from '../lib/index.ts'
import { axisFromFront, replaceAxis, wrongAxis } from './axes.ts'
import { slice } from './slice.ts'
import { takeAlong, wrongRank } from './take-along.ts'
import { alongAxis } from './take.ts'

interface Attrs {
  readonly axis: number
}
const rule: Rule<Attrs> = {
  sentence: ({ axis }) => `the shape of input 2, nowhere longer than input 1 off axis ${axis}`,
  infer: ([x, index], { axis }) => {
    if (x === undefined || index === undefined) return { why: 'takes a tensor and indices' }
    const wrong = wrongAxis([axis], x) ?? wrongRank(x, index)
    if (wrong !== undefined) return wrong
    const at = axisFromFront(axis, x.length)
    const longer = index.findIndex((d, k) => k !== at && size.isError(size.sub(x[k]!, d)))
    if (longer < 0) return index
    return {
      why: `axis ${longer} is ${x[longer]} in input 1 but ${index[longer]} in input 2, which is longer`,
      inputs: [0, 1],
      axis: longer,
      sizes: [x[longer]!, index[longer]!],
    }
  },
  sample: (draw, { axis }) => {
    const rank = draw.int(axis < 0 ? -axis : axis + 1, 3)
    const at = axisFromFront(axis, rank)
    const index = Array.from({ length: rank }, draw.size)
    return [index.map((d, k) => (k === at ? Math.max(1, draw.size()) : d + draw.int(0, 2))), index]
  },
}

/**
 * y[b, i, r] = x[b, index[b, i, r], r] along an axis, as torch.gather: the ranks are equal, and off the axis the index may be shorter than x,
 * whose first elements then count. (takeAlong broadcasts instead.)
 */
export const gather: (axis: number) => <S extends Shape, I extends Shape>(x: Tensor<S>, index: Index<I>) => Tensor<I> =
  op('gather', {
    args: (axis: number): Attrs => ({ axis }),
    kinds: 'a, index -> a',
    rule,
    meaning:
      ({ axis }: Attrs) =>
      (x, index) => {
        const at = axisFromFront(axis, x!.shape.length)
        const wanted = replaceAxis(index!.shape, at, (x!.shape as Shape)[at]!)
        const shorter = wanted.flatMap((stop, a) => (stop === (x!.shape as Shape)[a] ? [] : [{ axis: a, stop }]))
        const whole = shorter.length === 0 ? x! : slice(...shorter)(x!)
        return takeAlong(at)(whole, index as never)
      },
    flops: () => 0,
    domain: alongAxis,
    sampleAttrs: draw => ({ axis: draw.pick([0, -1, 1]) }),
  })
