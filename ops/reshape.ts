import {
  op,
  rowMajor,
  showShape,
  size,
  unravel,
  type Dim,
  type Prod,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { sameShape } from './axes.ts'

interface Attrs {
  readonly shape: Shape
}
type Show<S extends Shape, Acc extends string = ''> = S extends readonly [infer H extends Dim, ...infer R extends Shape]
  ? Show<R, Acc extends '' ? `${H}` : `${Acc}, ${H}`>
  : `[${Acc}]`
type Reshape = <const T extends Shape>(
  shape: T,
) => <S extends Shape>(
  x: Prod<S> extends Prod<T> ? Tensor<S> : `✗ reshape: ${Show<S>} has ${Prod<S>} elements, ${Show<T>} has ${Prod<T>}`,
) => Tensor<[...T]>

const rule: Rule<Attrs> = {
  sentence: ({ shape }) => `... -> ${showShape(shape)}`,
  infer: ([x = []], { shape }) => {
    const [has, wants] = [size.prod(x), size.prod(shape)]
    if (has === wants) return shape
    const axis = Math.max(0, x.length - 1)
    return {
      why: `${showShape(x)} has ${has} elements, ${showShape(shape)} has ${wants}`,
      inputs: [0],
      axis,
      sizes: [has, wants],
    }
  },
  sample: (_, { shape }) => [[shape.map(Number).reduce((a, b) => a * b, 1)]],
}

/** The same elements, in row-major order, in a new shape of as many: `reshape([577, 16, 64])`. */
export const reshape: Reshape = op('reshape', {
  args: (shape: Shape): Attrs => ({ shape }),
  kinds: 'a -> a',
  rule,
  reference: ([x]) => x!.data,
  form: ({ shape, shapes: [x] }) => ({
    form: 'each',
    value: (load, index) => load(0, unravel(rowMajor(index, shape), x!)),
    moves: index => unravel(rowMajor(index, x!), shape),
  }),
  gradient: (dy, { inputs: [x] }) => [reshapeTo(x!.shape)(dy)],
  flops: () => 0,
  simplify: node => (sameShape(node.inputs[0]!.shape, node.shape) ? node.inputs[0] : undefined),
  sampleAttrs: draw => ({ shape: draw.pick([[6], [2, 3], [], [1, 5, 1], [4, 0], [2, 3, 2]]) }),
})
/** reshape to a shape that tsc does not know. */
const reshapeTo = reshape as unknown as (shape: Shape) => (x: Tensor<Shape>) => Tensor<Shape>
