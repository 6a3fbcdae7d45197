import {
  asTensor,
  fullLike,
  isRefusal,
  op,
  broadcasting,
  showShape,
  stridesOf,
  tabulate,
  type Rule,
  type Shape,
  type Tensor,
  literal,
} from '../lib/index.ts'
import { sum } from './sum.ts'

interface Attrs {
  readonly shape: Shape
  /** the axes of the result that are new */
  readonly added: readonly number[]
}
const kept = ({ shape, added }: Attrs): number[] => shape.map((_, k) => k).filter(k => !added.includes(k))

const rule: Rule<Attrs> = {
  sentence: ({ shape }) => `... -> ${showShape(shape)}`,
  infer: ([x = []], attrs) => {
    const target = kept(attrs).map(k => attrs.shape[k]!)
    const met =
      x.length === target.length
        ? broadcasting(2).infer([x, target], undefined)
        : {
            why: `${showShape(x)} does not line up with ${showShape(attrs.shape)}`,
            inputs: [0],
            sizes: [x.length, target.length],
          }
    if (isRefusal(met)) return met
    const wrong = met.findIndex((d, k) => d !== target[k])
    if (wrong >= 0)
      return {
        why: `axis ${wrong} is ${x[wrong]} and cannot become ${target[wrong]}`,
        inputs: [0],
        axis: wrong,
        sizes: [x[wrong]!, target[wrong]!],
      }
    return attrs.shape
  },
  sample: (draw, attrs) => [kept(attrs).map(k => draw.pick([Number(attrs.shape[k]), 1]))],
}

/** numpy's broadcasting to a shape: a length of 1 is repeated, the axes `added` are new (none unless given). */
export const broadcastTo: <const T extends Shape>(
  shape: T,
  added?: readonly number[],
) => (x: Tensor<Shape>) => Tensor<[...T]> = op('broadcastTo', {
  args: (shape: Shape, added: readonly number[] = []): Attrs => ({ shape, added }),
  kinds: 'a -> a',
  rule,
  reference: ([x], { attrs, shape }) => {
    const strides = stridesOf(x!.shape).map((s, k) => (x!.shape[k] === 1 ? 0 : s))
    const axes = kept(attrs)
    return tabulate(shape, index => x!.data[axes.reduce((at, k, j) => at + index[k]! * strides[j]!, 0)]!)
  },
  form: ({ attrs, shapes: [x] }) => {
    const axes = kept(attrs)
    return {
      form: 'each',
      value: (load, index) =>
        load(
          0,
          axes.map((k, j) => (x![j] === 1 ? literal(0, 'index') : index[k]!)),
        ),
    }
  },
  gradient: (dy, { inputs: [x], attrs }) => {
    const repeated = kept(attrs).filter((k, j) => x!.shape[j] === 1 && attrs.shape[k] !== 1)
    const folded = [...attrs.added, ...repeated]
    return [
      folded.length === 0
        ? dy
        : broadcastTo(
            x!.shape,
            kept(attrs).flatMap((k, j) => (repeated.includes(k) ? [j] : [])),
          )(sum(...folded)(dy)),
    ]
  },
  flops: () => 0,
  simplify: node => {
    const x = node.inputs[0]!
    return x.role === 'constant' && typeof x.value === 'number'
      ? asTensor(fullLike(asTensor(node), x.value))
      : undefined
  },
  sampleAttrs: draw =>
    draw.pick<Attrs>([
      { shape: [2, 3, 4], added: [0] },
      { shape: [5, 4], added: [] },
      { shape: [3, 2, 4], added: [1] },
    ]),
})
