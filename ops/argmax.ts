import {
  op,
  positionOf,
  size,
  stridesOf,
  tabulate,
  type FormInputs,
  type Index,
  type Reduce,
  type Reference,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { extremeRule, foldAxes, fromFront, sampleAxis, type Axes, type Without } from './reduction.ts'
import { scale } from './scale.ts'

/** A position along one axis, which leaves the shape. */
export type Position = <const A extends number>(axis: A) => <S extends Shape>(x: Tensor<S>) => Index<Without<S, A>>
/** Reference of a position: that of the first NaN, else of the first element that no other beats. */
export const positionReference =
  (beats: (x: number, best: number) => boolean): Reference<Axes> =>
  ([x], { attrs, shape }) => {
    const [axis] = fromFront(attrs.axes, x!.shape.length) as [number]
    const strides = stridesOf(x!.shape)
    const along = strides.filter((_, k) => k !== axis)
    return tabulate(shape, index => {
      const start = positionOf(index, along)
      let [best, at] = [x!.data[start]!, 0]
      for (let i = 1; i < x!.shape[axis]!; i++) {
        const value = x!.data[start + i * strides[axis]!]!
        if (Number.isNaN(best) || !(beats(value, best) || Number.isNaN(value))) continue
        best = value
        at = i
      }
      return at
    })
  }

/** Where the largest element along an axis is: the first of equal ones, and of NaNs. [.., N, ..] -> indices without that axis. */
export const argmax: Position = op('argmax', {
  args: (axis: number): Axes => ({ axes: [axis] }),
  kinds: 'float -> index',
  rule: extremeRule,
  reference: positionReference((x, best) => x > best),
  form: (made: FormInputs<Axes>): Reduce => foldAxes('argmax')(made),
  gradient: () => [undefined],
  flops: ([shape]) => size.prod(shape!),
  laws: { 'does not see the scale': (f, x) => [f(scale(2)(x)), f(x)] },
  sampleAttrs: sampleAxis,
})
