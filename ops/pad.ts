import { op, type Add, type Dim, type Rule, type Shape, type Tensor } from '../lib/index.ts'
import { padOrCrop, padRule, type PadAttrs } from './pad-or-crop.ts'

type Padded<
  S extends Shape,
  B extends readonly number[],
  A extends readonly number[],
  Acc extends Shape = [],
> = S extends readonly [infer D extends Dim, ...infer R extends Shape]
  ? B extends readonly [infer b extends number, ...infer BR extends readonly number[]]
    ? A extends readonly [infer a extends number, ...infer AR extends readonly number[]]
      ? Padded<R, BR, AR, [...Acc, Add<Add<D, b>, a>]>
      : Shape
    : Shape
  : S extends readonly []
    ? Acc
    : Shape

const rule: Rule<PadAttrs> = {
  ...padRule,
  infer: (shapes, attrs) => {
    const amounts = [...attrs.before, ...attrs.after].map(Number)
    const negative = amounts.findIndex(a => a < 0)
    if (negative < 0) return padRule.infer(shapes, attrs)
    const axis = negative % attrs.before.length
    const by = amounts[negative]!
    return {
      why: `axis ${axis}: an amount is negative, ${by}`,
      inputs: [0],
      axis,
      sizes: [by],
      next: 'To crop, use slice or padOrCrop.',
    }
  },
}

/** `before[k]` and `after[k]` new elements equal to `value` (0) around axis k; one entry per axis, none negative. */
export const pad: <const B extends readonly number[], const A extends readonly number[]>(
  before: B,
  after: A,
  value?: number,
) => <S extends Shape>(x: Tensor<S>) => Tensor<Padded<S, B, A>> = op('pad', {
  args: (before: readonly number[], after: readonly number[], value = 0): PadAttrs => ({
    before,
    after,
    interior: before.map(() => 0),
    value,
  }),
  kinds: 'a -> a',
  rule,
  meaning:
    ({ before, after, value }: PadAttrs) =>
    x =>
      padOrCrop(before, after, { value })(x),
  flops: () => 0,
  sampleAttrs: draw =>
    draw.pick<PadAttrs>([
      { before: [1, 0], after: [0, 2], interior: [0, 0], value: 0 },
      { before: [2], after: [1], interior: [0], value: 1 },
    ]),
})
