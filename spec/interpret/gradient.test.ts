/** A gradient is that of everything that reads a value: in several places, and under several names. */
import { expect, it } from 'vitest'
import { evaluate, gradient, input, named, tap, type AnyTensor, type Feeds } from 'sluice'
import { add, linear, mul, sum } from 'sluice/ops'
import { right } from '../models/values.ts'

const numbers = (tensor: AnyTensor, feeds: Feeds) => Array.from(right(evaluate(tensor, feeds)).data)
const [x, y] = [input('x', [2]), input('y', [2])]

it('adds up what a weight gets where it is read', () => {
  const layer = linear('a', 1, { bias: false })
  const loss = sum(0)(add(layer(x), layer(y)))
  const [dw] = gradient(loss, [tap(loss, 'a.weight')])
  expect(numbers(dw!, { x: [1, 2], y: [10, 20] })).toEqual([11, 22])
})
it('adds up what a value gets under its names', () => {
  const square = mul(x, x)
  const loss = sum(0)(add(mul(square, y), named('square')(square)))
  for (const wrt of [square, tap(loss, 'square')]) {
    const [d] = gradient(loss, [wrt])
    expect(numbers(d!, { y: [10, 20] })).toEqual([11, 21])
  }
})
