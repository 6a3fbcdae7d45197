import { op, size, wgsl, type Dim, type Draw, type Shape, type Tensor } from '../lib/index.ts'
import { normalisationRule, parameterAlong, spreadAlong } from './along-axis.ts'
import { mean } from './mean.ts'
import { mul } from './mul.ts'
import { sizeAsFloat, square } from './over-size.ts'
import { alongAxes } from './reduction.ts'
import { rsqrt } from './rsqrt.ts'
import { scale } from './scale.ts'
import { shift } from './shift.ts'

interface Attrs {
  readonly axis: number
  readonly eps: number
}
interface RmsNormalize {
  (options?: {
    readonly axis?: number
    readonly eps?: number
  }): <S extends Shape, D extends Dim>(x: Tensor<S>, weight?: Tensor<[D]>) => Tensor<S>
}
/**
 * x / sqrt(mean(x * x) + eps) * weight along one axis (the last); weight [D] may be left out. Zhang & Sennrich, Root Mean Square Layer
 * Normalization, 2019.
 */
export const rmsNormalize: RmsNormalize = op('rmsNormalize', {
  args: ({ axis = -1, eps = 1e-5 }: { readonly axis?: number; readonly eps?: number } = {}): Attrs => ({ axis, eps }),
  kinds: 'float, float -> float',
  source: 'Zhang & Sennrich, Root Mean Square Layer Normalization, arXiv:1910.07467',
  rule: normalisationRule(1),
  meaning:
    ({ axis, eps }) =>
    (x, weight) => {
      const meanSquare = mean(axis)(mul(x, x))
      const normal = mul(x, spreadAlong(x.shape, axis)(rsqrt(shift(eps)(meanSquare))))
      return weight === undefined ? normal : mul(normal, parameterAlong(x.shape, axis)(weight))
    },
  form: ({ attrs: { axis, eps }, shapes }) => {
    const { rows, columns, place } = alongAxes(shapes[0]!, [axis])
    const count = sizeAsFloat(columns[0]!)
    return {
      form: 'reduce',
      rows,
      columns,
      passes: [
        {
          name: 'squares',
          monoid: 'sum',
          value: (load, row, column) => wgsl`${square}(${load(0, place(row, column))})`,
        },
      ],
      finish: {
        per: 'element',
        value: (_, load, row, column) => {
          const x = load(0, place(row, column))
          return shapes.length > 1 ? wgsl`(${x} * ${load(1, column)})` : x
        },
        factor: folded => wgsl`inverseSqrt(${folded('squares')} / ${count} + ${eps})`,
        place,
      },
    }
  },
  flops: ([x]) => size.mul(4, size.prod(x!)),
  laws: { 'is odd': (f, x, ...more) => [f(scale(-1)(x), ...more), scale(-1)(f(x, ...more))] },
  sampleAttrs: (draw: Draw) => ({ axis: draw.pick([-1, 0, 1]), eps: draw.pick([1e-5, 0.5]) }),
})
