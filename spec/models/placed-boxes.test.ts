/** Object tokens that know where their boxes lie: the width, and that the places of a batch are those of each picture. */
import { either as E } from 'fp-ts'
import { expect, it } from 'vitest'
import { evaluate, inputOf, value, type AnyTensor, type Feeds, type Value } from '../../lib/index.ts'
import { placedBoxes } from '../../models/index.ts'
import { boxPositions } from '../../models/box-positions.ts'

const corners = [10, 20, 110, 60, 0, 0, 200, 100, 150, 50, 160, 90, 20, 10, 30, 20]
const objectsOf = (shape: readonly number[]): AnyTensor => {
  const boxes = inputOf('boxes', [...shape, 4])
  const features = inputOf('features', [...shape, 3])
  const places = boxPositions(200, 100)(boxes as never)
  return placedBoxes({ low: boxes, fused: boxes, features, places }).objects
}
const found = (x: AnyTensor, feeds: Feeds): Value => {
  const values = evaluate({ output: x }, feeds)
  if (E.isLeft(values)) throw new Error(values.left.message)
  return values.right['output']!
}
const feeds = (shape: readonly number[]) => ({
  boxes: value([...shape, 4], corners),
  features: value(
    [...shape, 3],
    Array.from({ length: 12 }, (_, i) => i),
  ),
})

it('stand beside the features, for one picture as for several', () => {
  const one = found(objectsOf([4]), feeds([4]))
  const two = found(objectsOf([2, 2]), feeds([2, 2]))
  expect(one.shape).toEqual([4, 3 + 64])
  expect(two.shape).toEqual([2, 2, 3 + 64])
  expect([...two.data]).toEqual([...one.data])
  // of the second box, cy = h = cx = w / 2 … : sine and cosine of 2π · 0.5
  expect(one.data[67 + 3]).toBeCloseTo(0, 6)
  expect(one.data[67 + 4]).toBeCloseTo(-1, 6)
})
