import { minus, op, positionOf, sizeOf, stridesOf, tabulate, type Rule } from '../lib/index.ts'
import { axisFromFront, wrongAxis } from './axes.ts'
import type { Same } from './broadcast-types.ts'

interface Attrs {
  readonly axes: readonly number[]
}
const rule: Rule<Attrs> = {
  sentence: ({ axes }) => `...s -> ...s, axes ${axes.join(', ')} reversed`,
  infer: ([x = []], { axes }) => wrongAxis(axes, x) ?? x,
  sample: (draw, { axes }) => {
    const rank = Math.max(...axes.map(a => (a < 0 ? -a : a + 1)))
    return [Array.from({ length: rank + draw.int(0, 1) }, draw.size)]
  },
}

/** Reverses the order along the axes: `flip(0)`, `flip(-1, -2)`. */
export const flip: (...axes: readonly number[]) => Same = op('flip', {
  args: (...axes: readonly number[]): Attrs => ({ axes }),
  kinds: 'a -> a',
  rule,
  reference: ([x], { attrs, shape }) => {
    const turned = attrs.axes.map(a => axisFromFront(a, shape.length))
    const strides = stridesOf(shape)
    return tabulate(shape, index => {
      const from = index.map((i, k) => (turned.includes(k) ? shape[k]! - 1 - i : i))
      return x!.data[positionOf(from, strides)]!
    })
  },
  form: ({ attrs, shape }) => {
    const turned = attrs.axes.map(a => axisFromFront(a, shape.length))
    return {
      form: 'each',
      value: (load, index) =>
        load(
          0,
          index.map((i, k) => (turned.includes(k) ? minus(minus(sizeOf(shape[k]!), 1), i) : i)),
        ),
    }
  },
  gradient: (dy, { attrs }) => [flip(...attrs.axes)(dy)],
  flops: () => 0,
  sampleAttrs: draw => ({ axes: [...draw.pick([[0], [-1], [0, 1]])] }),
  laws: { 'undoes itself': (f, x) => [f(f(x)), x] },
})
