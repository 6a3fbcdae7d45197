import { op, size, wgsl, type Expr, type Load, type Loose, type Rule, type Shape, type Tensor } from '../lib/index.ts'
import { aboutMean } from './about-mean.ts'
import { normalisationRule, parameterAlong, spreadAlong } from './along-axis.ts'
import { mean } from './mean.ts'
import { mul } from './mul.ts'
import { rsqrt } from './rsqrt.ts'
import { shift } from './shift.ts'
import { sub } from './sub.ts'

interface Attrs {
  readonly axis: number
  readonly eps: number
}
type LayerNormalizeBack = (
  attrs: Attrs,
) => <S extends Shape>(x: Tensor<S>, dy: Tensor<S>, weight?: Tensor<Shape>) => Tensor<S>

const weightRule = normalisationRule<Attrs>(1)
/** x, what arrives at the result, in its shape, and a weight as for layerNormalize. */
const rule: Rule<Attrs> = {
  sentence: ({ axis }) => `...s, ...s, d -> ...s with d along axis ${axis}`,
  infer: ([x = [], dy = [], ...weight], attrs) => {
    const wrong = x.findIndex((d, k) => d !== dy[k])
    if (wrong >= 0)
      return {
        why: `axis ${wrong} is ${x[wrong]} in input 1 but ${dy[wrong]} in input 2`,
        inputs: [0, 1],
        axis: wrong,
        sizes: [x[wrong]!, dy[wrong] ?? 1],
      }
    return weightRule.infer([x, ...weight], attrs)
  },
  sample: (draw, attrs) => {
    const [x, weight] = weightRule.sample(draw, attrs) as [readonly number[], readonly number[]]
    return [x, x, weight]
  },
}

/**
 * What arrives at x of layerNormalize(x, weight) when dy arrives at its result: with d = dy * weight, n the normalised x and s the
 * standard deviation, (d - mean(d) - n * mean(d * n)) / s. A row is read from memory once. Weight [D] may be left out.
 */
export const layerNormalizeBack: LayerNormalizeBack = op('layerNormalizeBack', {
  args: (attrs: Attrs): Attrs => attrs,
  kinds: 'float, float, float -> float',
  source: 'Ba et al., Layer Normalization, arXiv:1607.06450',
  rule,
  meaning:
    ({ axis, eps }) =>
    (x, dy, weight) => {
      const spread = spreadAlong(x.shape, axis)
      const centred = (t: Loose): Loose => sub(t, spread(mean(axis)(t))) as Loose
      const distance = centred(x)
      const one = spread(rsqrt(shift(eps)(mean(axis)(mul(distance, distance)))))
      const normal = mul(distance, one)
      const arriving = weight === undefined ? dy : (mul(dy, parameterAlong(x.shape, axis)(weight)) as Loose)
      const along = mul(normal, spread(mean(axis)(mul(arriving, normal))))
      return mul(sub(centred(arriving), along), one)
    },
  form: ({ attrs: { axis, eps }, shapes }) => {
    const { rows, columns, place, count, distance, passes } = aboutMean(shapes[0]!, [axis])
    const arriving = (load: Load, row: readonly Expr[], column: readonly Expr[]): Expr =>
      shapes.length > 2 ? wgsl`(${load(1, place(row, column))} * ${load(2, column)})` : load(1, place(row, column))
    return {
      form: 'reduce',
      rows,
      columns,
      passes: [
        ...passes,
        { name: 'arrived', monoid: 'sum', value: arriving },
        {
          name: 'along',
          monoid: 'sum',
          value: (load, row, column, folded) =>
            wgsl`(${arriving(load, row, column)} * ${distance(load, row, column, folded)})`,
        },
      ],
      finish: {
        per: 'element',
        value: (folded, load, row, column) => {
          const variance = wgsl`(${folded('squares')} / ${count} + ${eps})`
          const centred = wgsl`(${arriving(load, row, column)} - ${folded('arrived')} / ${count})`
          const towards = wgsl`(${distance(load, row, column, folded)} * (${folded('along')} / ${count} / ${variance}))`
          return wgsl`((${centred} - ${towards}) * inverseSqrt(${variance}))`
        },
        place,
      },
    }
  },
  flops: ([x]) => size.mul(14, size.prod(x!)),
  sampleAttrs: draw => ({ axis: draw.pick([-1, 0, 1]), eps: draw.pick([1e-5, 0.5]) }),
})
