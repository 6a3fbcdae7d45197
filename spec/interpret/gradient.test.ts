/** A gradient is that of everything that reads a value: in several places, and under several names. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { evaluate, gradient, input, inputOf, named, tap, type AnyTensor, type Feeds, type Loose } from 'sluice'
import { add, convolve, linear, mul, sum } from 'sluice/ops'
import { drawFrom, seed } from '../kit/draw.ts'
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

it('of a convolution is the same where windows stand side by side as where a row of zeros follows them', () => {
  const property = fc.property(fc.gen(), g => {
    const draw = drawFrom(g)
    const [p, q] = [draw.int(2, 3), draw.int(1, 3)]
    const [groups, inner, outer] = [draw.int(1, 2), draw.int(1, 2), draw.int(1, 2)]
    const [rows, columns] = [draw.int(1, 3), draw.int(1, 3)]
    const leading = Array.from({ length: draw.int(0, 2) }, () => draw.int(1, 2))
    const image = inputOf('image', [...leading, groups * inner, rows * p, columns * q]) as Loose
    const window = inputOf('window', [groups * outer, inner, p, q]) as Loose
    const factors = inputOf('factors', [...leading, groups * outer, rows, columns]) as Loose
    const sizes = (x: Loose) => x.shape as readonly number[]
    const many = (x: Loose) => Array.from({ length: sizes(x).reduce((n, d) => n * d, 1) })
    const feeds = Object.fromEntries(
      Object.entries({ image, window, factors }).map(([name, x]) => [name, many(x).map(() => draw.int(-8, 8))]),
    )
    const gradients = (after: 0 | 1) => {
      const padding = [
        [0, after],
        [0, 0],
      ] as const
      const y = mul(convolve({ stride: [p, q], groups, padding })(image, window) as never, factors as never) as Loose
      const loss = sizes(y).reduce<Loose>(x => sum(0)(x as never), y)
      const [dImage, dWindow] = gradient(loss as never, [image, window])
      const found = right(evaluate({ dImage: dImage!, dWindow: dWindow! }, feeds))
      return Object.values(found).map(d => Array.from(d.data))
    }
    expect(gradients(0)).toEqual(gradients(1))
  })
  fc.assert(property, { seed, numRuns: 30 })
})
