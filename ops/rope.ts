import {
  applySignature,
  isRefusal,
  loosely,
  op,
  size,
  table,
  type AnyTensor,
  type Dim,
  type Divisible,
  type Index,
  type Loose,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { add } from './add.ts'
import { toFloat } from './cast.ts'
import { concat } from './concat.ts'
import { cos } from './cos.ts'
import { dot } from './dot.ts'
import { mul } from './mul.ts'
import { rearrange } from './rearrange.ts'
import { round } from './round.ts'
import { scale } from './scale.ts'
import { sin } from './sin.ts'
import { slice } from './slice.ts'
import { sub } from './sub.ts'

interface Attrs {
  readonly theta: number
}
type Rope = (options?: {
  readonly theta?: number
}) => <S extends Shape, H extends Dim, T extends Dim, D extends Dim>(
  x: Tensor<[...S, H, T, Divisible<D, 2>]>,
  positions: Index<[...S, NoInfer<T>]>,
) => Tensor<[...S, H, T, D]>

const signature = '...s h t d, ...s t -> ...s h t d'
const rule: Rule<Attrs> = {
  sentence: () => signature,
  infer: (shapes, _) => {
    const shape = applySignature(signature, {}, shapes)
    if (isRefusal(shape)) return shape
    const width = shape.at(-1)!
    if (typeof width === 'string')
      return {
        why: `axis 'd' is '${width}', known only when the model runs; it should be a number`,
        inputs: [0],
        axis: 'd',
        sizes: [width],
      }
    return size.isError(size.div(width, 2))
      ? { why: `axis 'd' is ${width}, should be divisible by 2`, inputs: [0], axis: 'd', sizes: [width, 2] }
      : shape
  },
  sample: draw => {
    const leading = Array.from({ length: draw.int(0, 1) }, draw.size)
    const tokens = draw.size()
    return [
      [...leading, draw.int(1, 3), tokens, 2 * draw.int(1, 4)],
      [...leading, tokens],
    ]
  },
}

/**
 * Angles in turns, between -1/2 and 1/2, of every position [..., T] and every pair [D/2]. Frequencies are split in a part of 11 bits,
 * whose product with a position below 8192 is exact in float32, and a small rest: far positions keep the precision of near ones.
 */
const turns = (positions: Loose, theta: number, pairs: number): Loose => {
  const perPosition = Array.from({ length: pairs }, (_, i) => theta ** (-i / pairs) / (2 * Math.PI))
  const coarse = perPosition.map(f => {
    const unit = 2 ** (Math.floor(Math.log2(f)) - 10)
    return Math.round(f / unit) * unit
  })
  const fine = perPosition.map((f, i) => f - coarse[i]!)
  const at = loosely(rearrange)('...s t -> ...s t 1')(positions)
  const large = mul(at, table(coarse, [pairs]) as Loose) as Loose
  return add(sub(large, round(large)) as Loose, mul(at, table(fine, [pairs]) as Loose) as Loose) as Loose
}

/**
 * Rotary positions, rotate-half form: x [..., H, T, D] with D even, positions [..., T]. With the angle a = p theta^(-2i/D):
 * y[i] = x[i] cos a - x[i + D/2] sin a and y[i + D/2] = x[i + D/2] cos a + x[i] sin a. Su et al., RoFormer, 2021.
 */
export const rope: Rope = op('rope', {
  args: ({ theta = 10000 }: { readonly theta?: number } = {}): Attrs => ({ theta }),
  kinds: 'float, index -> float',
  source: 'Su et al., RoFormer, arXiv:2104.09864',
  rule,
  meaning:
    ({ theta }) =>
    (x, positions) => {
      const half = Number(x.shape.at(-1)) / 2
      const angle = scale(2 * Math.PI)(turns(toFloat(positions as AnyTensor as Index<Shape>) as Loose, theta, half))
      const ofHeads = loosely(rearrange)('...s t d -> ...s 1 t d')
      const [c, s] = [ofHeads(cos(angle)), ofHeads(sin(angle))]
      const first = slice({ axis: -1, stop: half })(x) as Loose
      const second = slice({ axis: -1, start: half })(x) as Loose
      const turned = sub(mul(first, c) as Loose, mul(second, s) as Loose)
      return loosely(concat)(-1)(turned, add(mul(second, c) as Loose, mul(first, s) as Loose))
    },
  flops: ([x]) => size.mul(4, size.prod(x!)),
  laws: { 'keeps lengths': (f, x, p) => [dot(f(x, p), f(x, p)), dot(x, x)] },
  sampleAttrs: draw => ({ theta: draw.pick([10000, 500000]) }),
  domain: k => (k === 0 ? [-2, 2] : [0, 100]),
})
