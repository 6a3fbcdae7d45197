import { broadcasting, kindOf, op, pointwise, wgsl, wgslIndex, type Reference } from '../lib/index.ts'
import type { Arithmetic } from './broadcast-types.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { sumTo } from './sum-to.ts'

const { reference, form } = pointwise(
  (a, b) => a! / b!,
  (a, b) => (kindOf(a!) === 'index' ? wgslIndex`(${a!} / ${b!})` : wgsl`(${a!} / ${b!})`),
)
const truncating: Reference<undefined> = (inputs, made) => {
  const quotient = Float64Array.from(reference(inputs, made))
  return inputs[0]!.kind === 'index' ? quotient.map(Math.trunc) : quotient
}

/** a / b, numpy's broadcasting. The quotient of indices drops its fraction, toward zero; division by 0 is the caller's error. */
export const div: Arithmetic = op('div', {
  kinds: 'a, a -> a',
  rule: broadcasting(2),
  reference: truncating,
  form,
  gradient: (dy, { inputs: [a, b], output }) => {
    const part = neg(div(mul(dy, output), b!))
    return [sumTo(a!.shape)(div(dy, b!)), sumTo(b!.shape)(part)]
  },
  domain: k => (k === 1 ? [0.5, 2] : [-2, 2]),
})
