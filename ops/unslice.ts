import {
  and,
  compare,
  isRefusal,
  literal,
  minus,
  modulo,
  op,
  over,
  positionOf,
  select,
  showShape,
  sizeOf,
  stridesOf,
  eachIndex,
  type Expr,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { cutsOf, slice, sliceRule, type Slice, type SliceAttrs } from './slice.ts'

interface Attrs extends SliceAttrs {
  readonly shape: Shape
}
const rule: Rule<Attrs> = {
  sentence: attrs => `${sliceRule.sentence(attrs)} of ${showShape(attrs.shape)}`,
  infer: ([x = []], attrs) => {
    const cut = sliceRule.infer([attrs.shape], attrs)
    if (isRefusal(cut)) return cut
    const axis = cut.findIndex((d, k) => d !== x[k])
    if (axis < 0 && cut.length === x.length) return attrs.shape
    const why = `input 1 is ${showShape(x)}, the slice of ${showShape(attrs.shape)} is ${showShape(cut)}`
    const sizes = axis < 0 ? [cut.length, x.length] : [cut[axis]!, x[axis] ?? x.length]
    return { why, inputs: [0], axis: Math.max(axis, 0), sizes }
  },
  sample: (_, attrs) => {
    const cut = sliceRule.infer([attrs.shape], attrs)
    return isRefusal(cut) ? [] : [cut.map(Number)]
  },
}

/** The adjoint of slice: zeros of a shape, with x where that slice is cut from. */
export const unslice: (shape: Shape, ...slices: readonly Slice[]) => <S extends Shape>(x: Tensor<S>) => Tensor<Shape> =
  op('unslice', {
    args: (shape: Shape, ...slices: readonly Slice[]): Attrs => ({ shape, slices }),
    rule,
    reference: ([x], { attrs, shape, size: number }) => {
      const cuts = cutsOf(attrs, attrs.shape)
      const strides = stridesOf(shape)
      const from = positionOf(
        cuts.map(c => number(c.start)),
        strides,
      )
      const steps = strides.map((s, k) => s * cuts[k]!.step)
      const out = new Float64Array(shape.reduce((a, b) => a * b, 1))
      eachIndex(x!.shape, (index, position) => (out[from + positionOf(index, steps)] = x!.data[position]!))
      return out
    },
    form: ({ attrs, shape }) => {
      const cuts = cutsOf(attrs, shape)
      return {
        form: 'each',
        value: (load, index) => {
          const inside: Expr[] = []
          const at = index.map((i, k) => {
            const { start, step, length } = cuts[k]!
            if (step === 1 && length === shape[k]) return i
            const from = minus(i, sizeOf(start))
            const position = over(from, step)
            if (start !== 0) inside.push(compare(i, '>=', sizeOf(start)))
            inside.push(compare(position, '<', sizeOf(length)))
            if (step > 1) inside.push(compare(modulo(from, step), '==', 0))
            return position
          })
          const element = load(0, at)
          return inside.length === 0 ? element : select(inside.reduce(and), element, literal(0))
        },
      }
    },
    gradient: (dy, { attrs }) => [slice(...attrs.slices)(dy)],
    flops: () => 0,
    sampleAttrs: draw =>
      draw.pick<Attrs>([
        { shape: [4], slices: [{ axis: 0, start: 1 }] },
        { shape: [3, 5], slices: [{ axis: -1, start: 1, stop: 5, step: 2 }] },
        { shape: [3, 2], slices: [{ axis: 0, start: 0, stop: -1 }] },
        {
          shape: [7, 2],
          slices: [
            { axis: 0, start: 1, count: 2, step: 3 },
            { axis: 1, start: -1 },
          ],
        },
      ]),
  })
