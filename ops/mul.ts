import { asTensor, broadcasting, kindOf, op, pointwise, times, wgsl, type Node } from '../lib/index.ts'
import type { Arithmetic } from './broadcast-types.ts'
import { sameShape } from './axes.ts'
import { sumTo } from './sum-to.ts'

const isOne = (x: Node): boolean => x.role === 'constant' && x.value === 1
/** a * b, numpy's broadcasting; of two tensors of one kind. */
export const mul: Arithmetic = op('mul', {
  rule: broadcasting(2),
  kinds: 'a, a -> a',
  ...pointwise(
    (a, b) => a! * b!,
    (a, b) => (kindOf(a!) === 'index' ? times(a!, b!) : wgsl`(${a!} * ${b!})`),
  ),
  gradient: (dy, { inputs: [a, b] }) => [sumTo(a!.shape)(mul(dy, b!)), sumTo(b!.shape)(mul(dy, a!))],
  // a product with ones is what it is a product of: gradients of sums begin so
  simplify: ({ inputs, shape }) => {
    const [a, b] = inputs as [Node, Node]
    const other = isOne(a) ? b : isOne(b) ? a : undefined
    return other !== undefined && sameShape(other.shape, shape) ? asTensor(other) : undefined
  },
  laws: { 'a * b = b * a': (f, a, b) => [f(a, b), f(b, a)] },
})
