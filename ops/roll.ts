import {
  literal,
  minus,
  modulo,
  op,
  plus,
  positionOf,
  sizeOf,
  stridesOf,
  tabulate,
  type Dim,
  type Expr,
  type Rule,
} from '../lib/index.ts'
import { axisFromFront, wrongAxis } from './axes.ts'
import type { Same } from './broadcast-types.ts'

interface Attrs {
  readonly shifts: readonly number[]
  readonly axes: readonly number[]
}
const rule: Rule<Attrs> = {
  sentence: ({ shifts, axes }) => `...s -> ...s, axes ${axes.join(', ')} rolled by ${shifts.join(', ')}`,
  infer: ([x = []], { shifts, axes }) =>
    shifts.length === axes.length
      ? (wrongAxis(axes, x) ?? x)
      : {
          why: `${shifts.length} shifts are given for ${axes.length} axes`,
          inputs: [0],
          sizes: [axes.length, shifts.length],
        },
  sample: (draw, { axes }) => {
    const rank = Math.max(...axes.map(a => (a < 0 ? -a : a + 1)))
    return [Array.from({ length: rank + draw.int(0, 1) }, draw.size)]
  },
}
/** Where the element at position i comes from: (i - shift) mod length, of numbers that are not negative. */
const origin = (i: Expr, shift: number, length: Dim): Expr => {
  const n = sizeOf(length)
  const forth = shift <= 0 ? literal(-shift, 'index') : minus(n, modulo(literal(shift, 'index'), n))
  return modulo(plus(i, forth), n)
}

/** Element i moves to (i + shift) mod length along each of the axes: `roll([-2, -2], [1, 2])`. */
export const roll: (shifts: readonly number[], axes: readonly number[]) => Same = op('roll', {
  args: (shifts: readonly number[], axes: readonly number[]): Attrs => ({ shifts, axes }),
  kinds: 'a -> a',
  rule,
  reference: ([x], { attrs: { shifts, axes }, shape }) => {
    const by = shape.map(() => 0)
    axes.forEach((a, k) => (by[axisFromFront(a, shape.length)] = shifts[k]!))
    const strides = stridesOf(shape)
    return tabulate(shape, index => {
      const from = index.map((i, k) => (((i - by[k]!) % shape[k]!) + shape[k]!) % shape[k]!)
      return x!.data[positionOf(from, strides)]!
    })
  },
  form: ({ attrs: { shifts, axes }, shape }) => {
    const rolled = axes.map(a => axisFromFront(a, shape.length))
    return {
      form: 'each',
      value: (load, index) =>
        load(
          0,
          index.map((i, k) => (rolled.includes(k) ? origin(i, shifts[rolled.indexOf(k)]!, shape[k]!) : i)),
        ),
    }
  },
  gradient: (dy, { attrs: { shifts, axes } }) => [
    roll(
      shifts.map(s => -s),
      axes,
    )(dy),
  ],
  flops: () => 0,
  sampleAttrs: draw =>
    draw.pick<Attrs>([
      { shifts: [2], axes: [0] },
      { shifts: [-7], axes: [-1] },
      { shifts: [-2, 1], axes: [0, 1] },
    ]),
})
