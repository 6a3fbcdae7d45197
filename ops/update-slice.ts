import {
  and,
  asTensor,
  compare,
  eachIndex,
  fullLike,
  literal,
  minus,
  op,
  plus,
  positionOf,
  select,
  size,
  sizeOf,
  stridesOf,
  type AnyTensor,
  type Index,
  type Loose,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { add } from './add.ts'
import { axisFromFront, wrongAxis } from './axes.ts'
import { iota } from './iota.ts'
import { take } from './take.ts'

interface Attrs {
  readonly axis: number
}
const rule: Rule<Attrs> = {
  sentence: ({ axis }) => `input 2 into input 1 along axis ${axis}, from the index in input 3 [1]`,
  infer: ([x, update, start], { axis }) => {
    if (x === undefined || update === undefined || start === undefined)
      return { why: 'takes a tensor, an update and where it starts' }
    const none = wrongAxis([axis], x)
    if (none !== undefined) return none
    if (x.length !== update.length)
      return {
        why: `input 1 has rank ${x.length} but input 2 has rank ${update.length}`,
        inputs: [0, 1],
        sizes: [x.length, update.length],
      }
    if (start.length !== 1 || start[0] !== 1)
      return { why: 'input 3 should be one index, [1]', inputs: [2], axis: 0, sizes: [1, start[0] ?? start.length] }
    const at = axisFromFront(axis, x.length)
    const other = x.findIndex((d, k) => k !== at && d !== update[k])
    if (other >= 0)
      return {
        why: `axis ${other} is ${x[other]} in input 1 but ${update[other]} in input 2`,
        inputs: [0, 1],
        axis: other,
        sizes: [x[other]!, update[other]!],
      }
    if (size.isError(size.sub(x[at]!, update[at]!)))
      return {
        why: `axis ${axis} is ${x[at]} in input 1, too short for the ${update[at]} of input 2`,
        inputs: [0, 1],
        axis: at,
        sizes: [x[at]!, update[at]!],
      }
    return x
  },
  sample: (draw, { axis }) => {
    const shape = Array.from({ length: draw.int(axis < 0 ? -axis : axis + 1, 3) }, draw.size)
    const at = axisFromFront(axis, shape.length)
    return [shape, shape.map((d, k) => (k === at ? draw.int(0, d) : d)), [1]]
  },
}

/**
 * x with the slices start, start + 1, … of the axis replaced by update, as a key-value cache is written: x [.., N, ..], update
 * [.., n, ..] with n <= N, start [1]. start + n <= N is the caller's to keep; what lies beyond is not written.
 */
export const updateSlice: (
  axis: number,
) => <S extends Shape, U extends Shape>(x: Tensor<S>, update: Tensor<U>, start: Index<[1]>) => Tensor<S> = op(
  'updateSlice',
  {
    args: (axis: number): Attrs => ({ axis }),
    kinds: 'a, a, index -> a',
    rule,
    reference: ([x, update, start], { attrs, shape }) => {
      const axis = axisFromFront(attrs.axis, shape.length)
      const first = start!.data[0]!
      const strides = stridesOf(shape)
      const out = Float64Array.from(x!.data)
      eachIndex(update!.shape, (at, position) => {
        const to = at[axis]! + first
        if (to >= 0 && to < shape[axis]!)
          out[positionOf(at, strides) + first * strides[axis]!] = update!.data[position]!
      })
      return out
    },
    form: ({ attrs, shape, shapes: [, update] }) => {
      const axis = axisFromFront(attrs.axis, shape.length)
      return {
        form: 'each',
        value: (load, index) => {
          const start = load(2, [literal(0, 'index')])
          const at = index[axis]!
          const stop = plus(start, sizeOf(update![axis]!))
          const inside = and(compare(at, '>=', start), compare(at, '<', stop))
          const from = [...index.slice(0, axis), minus(at, start), ...index.slice(axis + 1)]
          return select(inside, load(1, from), load(0, index))
        },
        change: {
          space: update!,
          when: (load, index) => compare(plus(load(2, [literal(0, 'index')]), index[axis]!), '<', sizeOf(shape[axis]!)),
          place: (load, index) => index.map((at, k) => (k === axis ? plus(load(2, [literal(0, 'index')]), at) : at)),
          value: (load, index) => load(1, index),
        },
      }
    },
    gradient: (dy, { inputs: [, update, start], attrs }) => {
      const first = start as AnyTensor as Index<[1]>
      const axis = axisFromFront(attrs.axis, dy.shape.length)
      const along: AnyTensor = iota((update!.shape as Shape)[axis]!)
      const written = add(along as Index<Shape>, start as AnyTensor as Index<Shape>)
      const none = asTensor<Loose>(fullLike(update!, 0))
      return [updateSlice(axis)(dy, none, first), take(axis as number)(dy, written), undefined]
    },
    flops: () => 0,
    domain: (k, { attrs, shapes: [x, update] }) => {
      const at = axisFromFront(attrs.axis, x!.length)
      return k === 2 ? [0, x![at]! - update![at]!] : [-2, 2]
    },
    sampleAttrs: draw => ({ axis: draw.pick([0, -1, 1]) }),
  },
)
