/**
 * What roiMean is for: it never makes the bins, nor the upsampled map, and still gives their mean. Both ways round are computed here,
 * for boxes on, across and outside the map, without area and inside out.
 */
import { either as E } from 'fp-ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evaluate, inputOf, type AnyTensor, type Feeds } from '../../lib/index.ts'
import { interpolate, mean, roiAlign, roiMean } from '../../ops/index.ts'

const both = (a: AnyTensor, b: AnyTensor, feeds: Feeds): readonly (readonly [number, number])[] => {
  const got = evaluate({ a, b }, feeds)
  if (E.isLeft(got)) throw new Error(got.left.message)
  const { data } = got.right.b
  return Array.from(got.right.a.data, (x, i) => [x, data[i]!] as const)
}
const agree = (pairs: readonly (readonly [number, number])[]): void => {
  for (const [a, b] of pairs) expect(a).toBeCloseTo(b, 9)
}
const side = fc.integer({ min: 1, max: 9 })
const number = fc.double({ min: -8, max: 40, noNaN: true })
const options = fc.record({
  bins: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
  scale: fc.constantFrom(1, 0.25),
  samplingRatio: fc.constantFrom(-1, 2),
  aligned: fc.boolean(),
})
const map = fc.tuple(side, side).chain(([h, w]) =>
  fc.record({
    h: fc.constant(h),
    w: fc.constant(w),
    data: fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 2 * h * w, maxLength: 2 * h * w }),
  }),
)
const boxes = fc.array(fc.tuple(number, number, number, number), { minLength: 1, maxLength: 3 })

describe('roiMean', () => {
  it('is the mean of the bins of roiAlign', () => {
    fc.assert(
      fc.property(map, boxes, options, ({ h, w, data }, corners, how) => {
        const [x, b] = [inputOf('map', [2, h, w]), inputOf('boxes', [corners.length, 4] as const)]
        const feeds = { map: data, boxes: corners.flat() }
        agree(both(roiMean(how)(x, b), mean(-2, -1)(roiAlign(how)(x, b)), feeds))
      }),
    )
  })
  it('on a resampled map is that of the map interpolated before', () => {
    const mode = fc.constantFrom('bilinear', 'nearest', 'bicubic')
    fc.assert(
      fc.property(map, side, side, mode, boxes, options, ({ h, w, data }, rows, columns, mode, corners, how) => {
        const [x, b] = [inputOf('map', [2, h, w]), inputOf('boxes', [corners.length, 4] as const)]
        const resampled = { size: [rows, columns], mode } as const
        const feeds = { map: data, boxes: corners.flat() }
        agree(both(roiMean({ ...how, resampled })(x, b), roiMean(how)(interpolate(resampled)(x), b), feeds))
      }),
    )
  })
})
