import {
  broadcasting,
  broadcastIndex,
  isRefusal,
  op,
  positionOf,
  stridesOf,
  tabulate,
  type Dim,
  type Index,
  type Refusal,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { axisFromFront, replaceAxis, wrongAxis } from './axes.ts'
import type { BroadcastShape } from './broadcast-types.ts'
import { scatterAddAlong } from './scatter-add-along.ts'
import { sumTo } from './sum-to.ts'
import { alongAxis } from './take.ts'

interface Attrs {
  readonly axis: number
}
interface Takes {
  0: <V extends Dim, R extends Shape, I extends Dim, Q extends Shape>(
    x: Tensor<[V, ...R]>,
    index: Index<[I, ...Q]>,
  ) => Tensor<[I, ...BroadcastShape<R, Q>]>
  '-1': <R extends Shape, V extends Dim, Q extends Shape, I extends Dim>(
    x: Tensor<[...R, V]>,
    index: Index<[...Q, I]>,
  ) => Tensor<[...BroadcastShape<R, Q>, I]>
}
/** Of other axes the type of the result is not known; the build knows it. */
type TakeAny = <S extends Shape, I extends Shape>(x: Tensor<S>, index: Index<I>) => Tensor<Shape>
type TakeAlong = <const Ax extends number>(
  axis: Ax,
) => number extends Ax ? TakeAny : `${Ax}` extends `${infer K extends keyof Takes}` ? Takes[K] : TakeAny

/** Why the ranks of a tensor and of an index along one of its axes differ, if they do. */
export const wrongRank = (x: Shape, index: Shape): Refusal | undefined =>
  x.length === index.length
    ? undefined
    : {
        why: `input 1 has rank ${x.length} but input 2 has rank ${index.length}`,
        inputs: [0, 1],
        axis: Math.min(x.length, index.length),
        sizes: [x.length, index.length],
      }

const rule: Rule<Attrs> = {
  sentence: ({ axis }) => `axis ${axis} of input 1 becomes that of input 2, the others broadcast`,
  infer: ([x, index], { axis }) => {
    if (x === undefined || index === undefined) return { why: 'takes a tensor and indices' }
    const wrong = wrongAxis([axis], x) ?? wrongRank(x, index)
    if (wrong !== undefined) return wrong
    const at = axisFromFront(axis, x.length)
    const met = broadcasting(2).infer([replaceAxis(x, at, 1), replaceAxis(index, at, 1)], undefined)
    return isRefusal(met) ? met : replaceAxis(met, at, index[at]!)
  },
  sample: (draw, { axis }) => {
    const rank = draw.int(axis < 0 ? -axis : axis + 1, 3)
    const at = axisFromFront(axis, rank)
    const shape = Array.from({ length: rank }, (_, k) => (k === at ? Math.max(1, draw.size()) : draw.size()))
    const index = shape.map((d, k) => (k === at ? draw.size() : draw.pick([d, 1])))
    return [shape, index]
  },
}

/**
 * Picks along an axis, row by row: y[b, i, r] = x[b, index[b, i, r], r]; the ranks are equal, the axes off the axis broadcast. Indices are
 * from 0 and below the length; others are the caller's error.
 */
export const takeAlong: TakeAlong = op('takeAlong', {
  args: (axis: number): Attrs => ({ axis }),
  kinds: 'a, index -> a',
  rule,
  reference: ([x, index], { attrs, shape }) => {
    const axis = axisFromFront(attrs.axis, shape.length)
    const step = (of: readonly number[]): number[] => stridesOf(of).map((s, k) => (of[k] === 1 && k !== axis ? 0 : s))
    const [xSteps, indexSteps] = [step(x!.shape), step(index!.shape)]
    return tabulate(shape, at => {
      const picked = index!.data[positionOf(at, indexSteps)]!
      return x!.data[positionOf(replaceAxis(at, axis, picked) as number[], xSteps)]!
    })
  },
  form: ({ attrs, shape, shapes: [x, index] }) => {
    const axis = axisFromFront(attrs.axis, shape.length)
    return {
      form: 'each',
      value: (load, at) => {
        const where = broadcastIndex(at, x!)
        const picked = load(1, broadcastIndex(at, index!))
        return load(0, [...where.slice(0, axis), picked, ...where.slice(axis + 1)])
      },
    }
  },
  gradient: (dy, { inputs: [x, index], attrs }) => {
    const shape = x!.shape as Shape
    const axis = axisFromFront(attrs.axis, shape.length)
    const scattered = scatterAddAlong(axis, shape[axis]!)(dy, index as never)
    return [sumTo(shape)(scattered), undefined]
  },
  flops: () => 0,
  domain: alongAxis,
  sampleAttrs: draw => ({ axis: draw.pick([0, -1, 1]) }),
})
