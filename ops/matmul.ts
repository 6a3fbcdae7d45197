import {
  broadcasting,
  isRefusal,
  loosely,
  op,
  showShape,
  size,
  type Dim,
  type Loose,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { broadcastTo } from './broadcast-to.ts'
import type { BroadcastShape, Broadcasts } from './broadcast-types.ts'
import { einsum } from './einsum.ts'
import { scale } from './scale.ts'

interface Matmul {
  <S extends Shape, M extends Dim, K extends Dim, N extends Dim>(
    a: Tensor<[...S, M, K]>,
    b: Tensor<[...S, NoInfer<K>, N]>,
  ): Tensor<[...S, M, N]>
  <S extends Shape, T extends Shape, M extends Dim, K extends Dim, N extends Dim>(
    a: Tensor<[...S, M, K]>,
    b: Tensor<[...T, NoInfer<K>, N]> & Tensor<[...Broadcasts<T, S>, NoInfer<K>, N]>,
  ): Tensor<[...BroadcastShape<S, T>, M, N]>
}
const rule: Rule<undefined> = {
  sentence: () => '...s m k, ...s k n -> ...s m n, ...s broadcast',
  infer: shapes => {
    if (shapes.length !== 2) return { why: `takes 2 inputs, got ${shapes.length}`, sizes: [2, shapes.length] }
    const short = shapes.findIndex(s => s.length < 2)
    if (short >= 0)
      return {
        why: `input ${short + 1} is ${showShape(shapes[short]!)}, of rank ${shapes[short]!.length}, should have at least 2 axes`,
        inputs: [short],
        sizes: [2, shapes[short]!.length],
      }
    const [a, b] = shapes as [Shape, Shape]
    const [k, other] = [a.at(-1)!, b.at(-2)!]
    if (k !== other)
      return {
        why: `axis 'k' is ${k} in input 1 but ${other} in input 2`,
        inputs: [0, 1],
        axis: 'k',
        sizes: [k, other],
      }
    const leading = broadcasting(2).infer([a.slice(0, -2), b.slice(0, -2)], undefined)
    return isRefusal(leading) ? { ...leading, why: `leading axes: ${leading.why}` } : [...leading, a.at(-2)!, b.at(-1)!]
  },
  sample: draw => {
    const leading = broadcasting(2).sample(draw, undefined)
    const [m, k, n] = [draw.size(), draw.size(), draw.size()]
    return [
      [...leading[0]!, m, k],
      [...leading[1]!, k, n],
    ]
  },
}
const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, k) => d === b[k])

/** Matrix product of the last two axes: [...S, M, K], [...S, K, N] -> [...S, M, N]; leading axes broadcast as numpy's. */
export const matmul: Matmul = op('matmul', {
  kinds: 'float, float -> float',
  rule,
  meaning: (a: Loose, b: Loose) => {
    const [sa, sb]: readonly [Shape, Shape] = [a.shape.slice(0, -2), b.shape.slice(0, -2)]
    const product = loosely(einsum)
    if (sameShape(sa, sb)) return product('...s m k, ...s k n -> ...s m n')(a, b)
    if (sb.length === 0) return product('...s m k, k n -> ...s m n')(a, b)
    if (sa.length === 0) return product('m k, ...s k n -> ...s m n')(a, b)
    const leading = broadcasting(2).infer([sa, sb], undefined) as Shape
    const whole = (x: Loose): Loose => {
      const shape = [...leading, ...x.shape.slice(-2)]
      const added = shape.slice(0, shape.length - x.shape.length).map((_, k) => k)
      return sameShape(shape, x.shape) ? x : (broadcastTo(shape, added)(x) as Loose)
    }
    return product('...s m k, ...s k n -> ...s m n')(whole(a), whole(b))
  },
  laws: { 'is linear in both': (f, a, b) => [f(scale(2)(a), scale(3)(b)), scale(6)(f(a, b))] },
  flops: ([a], shape) => size.mul(2, size.mul(size.prod(shape), a!.at(-1)!)),
})
