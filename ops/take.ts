import {
  op,
  stridesOf,
  tabulate,
  positionOf,
  type Dim,
  type Index,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { axisFromFront, replaceAxis, wrongAxis } from './axes.ts'
import { scatterAdd } from './scatter-add.ts'

interface Attrs {
  readonly axis: number
}
interface Takes {
  0: <V extends Dim, R extends Shape, I extends Shape>(x: Tensor<[V, ...R]>, index: Index<I>) => Tensor<[...I, ...R]>
  1: <B extends Dim, V extends Dim, R extends Shape, I extends Shape>(
    x: Tensor<[B, V, ...R]>,
    index: Index<I>,
  ) => Tensor<[B, ...I, ...R]>
  '-1': <R extends Shape, V extends Dim, I extends Shape>(x: Tensor<[...R, V]>, index: Index<I>) => Tensor<[...R, ...I]>
}
/** Of other axes the type of the result is not known; the build knows it. */
type TakeAny = <S extends Shape, I extends Shape>(x: Tensor<S>, index: Index<I>) => Tensor<Shape>
/** The function that picks along an axis, typed for the first, the second and the last. */
export type Take = <const Ax extends number>(
  axis: Ax,
) => number extends Ax ? TakeAny : `${Ax}` extends `${infer K extends keyof Takes}` ? Takes[K] : TakeAny

/** The rule of picking along an axis, with what the index may be. */
export const takeRule: Rule<Attrs> = {
  sentence: ({ axis }) => `axis ${axis} of input 1 becomes the axes of input 2`,
  infer: ([x, index], { axis }) => {
    if (x === undefined || index === undefined) return { why: 'takes a tensor and indices' }
    return wrongAxis([axis], x) ?? replaceAxis(x, axisFromFront(axis, x.length), ...index)
  },
  sample: (draw, { axis }) => [
    Array.from({ length: draw.int(axis < 0 ? -axis : axis + 1, 3) }, () => Math.max(1, draw.size())),
    Array.from({ length: draw.int(0, 2) }, draw.size),
  ],
}
/** Indices of a sample: those of the axis. */
export const alongAxis = (
  k: number,
  sample: { attrs: Attrs; shapes: readonly (readonly number[])[] },
): readonly [number, number] => {
  const shape = sample.shapes[0]!
  return k === 1 ? [0, shape[axisFromFront(sample.attrs.axis, shape.length)]! - 1] : [-2, 2]
}

/**
 * Picks along an axis: y[b, i, r] = x[b, index[i], r], where b are the axes before it, r those after, and i any number of axes. take(0) of
 * a weight [vocabulary, width] is an embedding. Indices are from 0 and below the length; others are the caller's error.
 */
export const take: Take = op('take', {
  args: (axis: number): Attrs => ({ axis }),
  kinds: 'a, index -> a',
  rule: takeRule,
  reference: ([x, index], { attrs, shape }) => {
    const axis = axisFromFront(attrs.axis, x!.shape.length)
    const inner = index!.shape.length
    const strides = stridesOf(x!.shape)
    const indexStrides = stridesOf(index!.shape)
    return tabulate(shape, at => {
      const picked = index!.data[positionOf(at.slice(axis, axis + inner), indexStrides)]!
      return x!.data[positionOf([...at.slice(0, axis), picked, ...at.slice(axis + inner)], strides)]!
    })
  },
  form: ({ attrs, shapes: [x, index] }) => {
    const axis = axisFromFront(attrs.axis, x!.length)
    const inner = index!.length
    return {
      form: 'each',
      value: (load, at) =>
        load(0, [...at.slice(0, axis), load(1, at.slice(axis, axis + inner)), ...at.slice(axis + inner)]),
    }
  },
  gradient: (dy, { inputs: [x, index], attrs }) => {
    const axis = axisFromFront(attrs.axis, x!.shape.length)
    return [scatterAdd(axis, (x!.shape as Shape)[axis]!)(dy, index as never), undefined]
  },
  flops: () => 0,
  domain: alongAxis,
  sampleAttrs: draw => ({ axis: draw.pick([0, -1, 1]) }),
})
