import {
  and,
  compare,
  literal,
  minus,
  modulo,
  op,
  over,
  plus,
  positionOf,
  select,
  size,
  sizeOf,
  stridesOf,
  tabulate,
  type Dim,
  type Expr,
  type Kind,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { slice } from './slice.ts'

/** Per axis: elements before and after (a negative number crops; a size may be named), and between each two elements. */
export interface PadAttrs {
  readonly before: readonly Dim[]
  readonly after: readonly Dim[]
  readonly interior: readonly number[]
  readonly value: number
}
const grow = (length: Dim, by: Dim): Dim =>
  typeof by === 'number' && by < 0 ? size.sub(length, -by) : size.add(length, by)
/** length - 1, and 0 for 0: floor(2n / (n + 1)) is 1 for all other n. */
const gaps = (length: Dim): Dim =>
  typeof length === 'number'
    ? Math.max(0, length - 1)
    : size.sub(length, size.floorDiv(size.mul(2, length), size.add(1, length)))
const spread = (length: Dim, interior: number): Dim =>
  interior === 0 ? length : size.add(length, size.mul(gaps(length), interior))
const added = (by: Dim): Dim => (typeof by === 'number' && by < 0 ? 0 : by)
const cropped = (by: Dim): number => (typeof by === 'number' && by < 0 ? -by : 0)

/** What stands around: a whole number among indices. */
const filling = (value: number, kind: Kind): number => (kind === 'float' ? value : Math.trunc(value))

/** The rule of padding; `why` a rank is refused is said here once for all ops that pad. */
export const padRule: Rule<PadAttrs> = {
  sentence: ({ before, after }) => `[${before.join(', ')}] before, [${after.join(', ')}] after`,
  infer: ([x = []], { before, after, interior }) => {
    for (const amounts of [before, after, interior])
      if (amounts.length !== x.length)
        return {
          why: `${amounts.length} amounts are given for a tensor of rank ${x.length}`,
          inputs: [0],
          axis: Math.min(amounts.length, x.length),
          sizes: [x.length, amounts.length],
        }
    const shape = x.map((d, k) => grow(grow(spread(d, interior[k]!), added(before[k]!)), added(after[k]!)))
    const left = shape.map((d, k) => size.sub(size.sub(d, cropped(before[k]!)), cropped(after[k]!)))
    const axis = left.findIndex(size.isError)
    if (axis < 0) return left
    const crop = cropped(before[axis]!) + cropped(after[axis]!)
    return { why: `axis ${axis} is ${x[axis]}, too short to crop ${crop}`, inputs: [0], axis, sizes: [x[axis]!, crop] }
  },
  sample: (draw, { before, after }) => [
    before.map((b, k) => Math.max(draw.size(), 1 + cropped(b) + cropped(after[k]!))),
  ],
}

/**
 * Pads or crops every axis: `before[k]` and `after[k]` elements equal to `value` (0), a negative number removes as many; `interior[k]`
 * elements between each two (0). The general form of padding, as StableHLO's; for the usual one see `pad`.
 */
export const padOrCrop: (
  before: readonly Dim[],
  after: readonly Dim[],
  options?: { readonly interior?: readonly number[]; readonly value?: number },
) => <S extends Shape>(x: Tensor<S>) => Tensor<Shape> = op('padOrCrop', {
  args: (
    before: readonly Dim[],
    after: readonly Dim[],
    { interior = before.map(() => 0), value = 0 }: { interior?: readonly number[]; value?: number } = {},
  ): PadAttrs => ({ before, after, interior, value }),
  kinds: 'a -> a',
  rule: padRule,
  reference: ([x], { attrs: { before, interior, value }, shape, size: number }) => {
    const strides = stridesOf(x!.shape)
    const fill = filling(value, x!.kind)
    const first = before.map(b => (typeof b === 'number' ? b : number(b)))
    return tabulate(shape, index => {
      const at = index.map((i, k) => (i - first[k]!) / (interior[k]! + 1))
      const inside = at.every((p, k) => Number.isInteger(p) && p >= 0 && p < x!.shape[k]!)
      return inside ? x!.data[positionOf(at, strides)]! : fill
    })
  },
  form: ({ attrs: { before, after, interior, value }, inputs, shapes: [x] }) => ({
    form: 'each',
    value: (load, index) => {
      const inside: Expr[] = []
      const at = index.map((i, k) => {
        const [first, last, every] = [before[k]!, after[k]!, interior[k]! + 1]
        const from = typeof first === 'number' && first < 0 ? plus(i, -first) : minus(i, sizeOf(first))
        const position = over(from, every)
        if (!(typeof first === 'number' && first <= 0)) inside.push(compare(i, '>=', sizeOf(first)))
        if (!(typeof last === 'number' && last <= 0)) inside.push(compare(position, '<', sizeOf(x![k]!)))
        if (every > 1) inside.push(compare(modulo(from, every), '==', 0))
        return position
      })
      const element = load(0, at)
      return inside.length === 0
        ? element
        : select(inside.reduce(and), element, literal(filling(value, inputs[0]!.kind), inputs[0]!.kind))
    },
  }),
  gradient: (dy, { inputs: [x], attrs: { before, after, interior } }) => {
    const crops = [...before, ...after].some(b => cropped(b) > 0)
    const whole = crops ? padOrCrop(before.map(cropped), after.map(cropped))(dy) : dy
    const cuts = (x!.shape as Shape).map((count, axis) => ({
      axis,
      start: added(before[axis]!),
      count,
      step: interior[axis]! + 1,
    }))
    return [slice(...cuts)(whole)]
  },
  flops: () => 0,
  sampleAttrs: draw =>
    draw.pick<PadAttrs>([
      { before: [1, 0], after: [0, 2], interior: [0, 0], value: 0 },
      { before: [-1], after: [2], interior: [0], value: 1 },
      { before: [1, -1], after: [-1, 1], interior: [1, 2], value: 0 },
      { before: [0, 0, 2], after: [3, 0, 1], interior: [0, 1, 0], value: 1 },
    ]),
})
