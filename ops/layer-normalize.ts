import { op, size, wgsl, type Dim, type Draw, type Loose, type Shape, type Tensor } from '../lib/index.ts'
import { aboutMean } from './about-mean.ts'
import { add } from './add.ts'
import { normalisationRule, parameterAlong, spreadAlong } from './along-axis.ts'
import { mean } from './mean.ts'
import { mul } from './mul.ts'
import { layerNormalizeBack } from './layer-normalize-back.ts'
import { fromFront } from './reduction.ts'
import { rsqrt } from './rsqrt.ts'
import { shift } from './shift.ts'
import { sub } from './sub.ts'
import { sum } from './sum.ts'

interface Attrs {
  readonly axis: number
  readonly eps: number
}
interface LayerNormalize {
  (options?: {
    readonly axis?: number
    readonly eps?: number
  }): <S extends Shape, D extends Dim>(x: Tensor<S>, weight?: Tensor<[D]>, bias?: Tensor<[NoInfer<D>]>) => Tensor<S>
}
/**
 * (x - mean) / sqrt(variance + eps) * weight + bias along one axis (the last), the variance divided by n. weight [D] and bias [D] may
 * be left out. Ba et al., Layer Normalization, 2016.
 */
export const layerNormalize: LayerNormalize = op('layerNormalize', {
  args: ({ axis = -1, eps = 1e-5 }: { readonly axis?: number; readonly eps?: number } = {}): Attrs => ({ axis, eps }),
  kinds: 'float, float, float -> float',
  source: 'Ba et al., Layer Normalization, arXiv:1607.06450',
  rule: normalisationRule(2),
  meaning:
    ({ axis, eps }) =>
    (x, weight, bias) => {
      const spread = spreadAlong(x.shape, axis)
      const along = parameterAlong(x.shape, axis)
      const distance = sub(x, spread(mean(axis)(x)))
      const spreadOut = mean(axis)(mul(distance, distance))
      const normal = mul(distance, spread(rsqrt(shift(eps)(spreadOut))))
      const scaled = weight === undefined ? normal : mul(normal, along(weight))
      return bias === undefined ? scaled : add(scaled, along(bias))
    },
  form: ({ attrs: { axis, eps }, shapes }) => {
    const { rows, columns, place, count, distance, passes } = aboutMean(shapes[0]!, [axis])
    return {
      form: 'reduce',
      rows,
      columns,
      passes,
      finish: {
        per: 'element',
        value: (folded, load, row, column) => {
          const normal = wgsl`(${distance(load, row, column, folded)} * inverseSqrt(${folded('squares')} / ${count} + ${eps}))`
          const scaled = shapes.length > 1 ? wgsl`(${normal} * ${load(1, column)})` : normal
          return shapes.length > 2 ? wgsl`(${scaled} + ${load(2, column)})` : scaled
        },
        place,
      },
    }
  },
  gradient: (dy, { inputs: [x, weight, bias], attrs }) => {
    const [own] = fromFront([attrs.axis], x!.shape.length)
    const others = x!.shape.flatMap((_: Dim, k: number) => (k === own ? [] : [k]))
    const alongOwn = (t: Loose): Loose => (others.length === 0 ? t : (sum(...others)(t) as Loose))
    return [
      layerNormalizeBack(attrs)(x!, dy, weight),
      ...(weight === undefined ? [] : [alongOwn(mul(dy, layerNormalize(attrs)(x!)))]),
      ...(bias === undefined ? [] : [alongOwn(dy)]),
    ]
  },
  flops: ([x]) => size.mul(8, size.prod(x!)),
  laws: { 'does not see a constant': (f, x, ...more) => [f(shift(3)(x), ...more), f(x, ...more)] },
  sampleAttrs: (draw: Draw) => ({ axis: draw.pick([-1, 0, 1]), eps: draw.pick([1e-5, 0.5]) }),
})
