/** The comparison that every other test of numbers relies on. */
import { describe, expect, it } from 'vitest'
import { value } from 'sluice'
import { classes, differs, limits, shareOf } from '../tolerances.ts'

const exact = { atol: 0, rtol: 0 }
const floats = (...data: number[]) => value([data.length], Float64Array.from(data))

describe('differs', () => {
  it.each([
    ['equal numbers', floats(1, 2), floats(1, 2), exact],
    ['the two zeros', floats(0), floats(-0), exact],
    [
      'not-a-numbers and infinities in the same places',
      floats(NaN, Infinity, -Infinity),
      floats(NaN, Infinity, -Infinity),
      exact,
    ],
    ['nothing and nothing', floats(), floats(), exact],
    ['a difference within atol', floats(1.5), floats(1), { atol: 0.5, rtol: 0 }],
    ['a difference within rtol', floats(110), floats(100), { atol: 0, rtol: 0.1 }],
  ])('passes %s', (_, got, wanted, tolerance) => {
    expect(differs(got, wanted, tolerance)).toBeUndefined()
  })

  it.each([
    ['a number', floats(1, 3, 4), floats(1, 2, 3), exact, 'element 1 is 3, should be 2 (and 1 more of 3)'],
    ['a shape', value([2, 1], [1, 2]), value([1, 2], [1, 2]), exact, 'has shape [2,1], should have [1,2]'],
    ['a kind', value([1], [1], 'index'), value([1], [1], 'truth'), exact, 'holds index values, should hold truth'],
    ['a not-a-number', floats(NaN), floats(1), { atol: 10, rtol: 10 }, 'element 0 is NaN, should be 1'],
    ['a number for a not-a-number', floats(1), floats(NaN), { atol: 10, rtol: 10 }, 'element 0 is 1, should be NaN'],
    ['the other infinity', floats(-Infinity), floats(Infinity), { atol: 1, rtol: 1 }, 'element 0 is -Infinity'],
    [
      'a number for an infinity',
      floats(1),
      floats(Infinity),
      { atol: 1, rtol: 1 },
      'element 0 is 1, should be Infinity',
    ],
    ['a difference beyond both', floats(1.2), floats(1), { atol: 0.05, rtol: 0.1 }, 'off by'],
  ])('refuses %s', (_, got, wanted, tolerance, why) => {
    expect(differs(got, wanted, tolerance)).toContain(why)
  })
})

describe('limits', () => {
  it('asks for equality where nothing is computed, and of indices and truth values', () => {
    expect(limits('exact', floats(5))).toEqual(exact)
    expect(limits('block', value([1], [5], 'index'))).toEqual(exact)
  })
  it('are a share of the largest number, and four times what rounding does', () => {
    expect(limits('elementwise', floats(2, -10))).toEqual({ atol: 10 * classes.elementwise.floor, rtol: 1e-5 })
    expect(limits('elementwise', floats(2, -10), 1)).toEqual({ atol: 4 + 10 * classes.elementwise.floor, rtol: 1e-5 })
  })
  it('count sums that cancel as a tenth at least', () => {
    expect(limits('accumulate', floats(0)).atol).toBeCloseTo(0.1 * classes.accumulate.floor, 15)
    expect(limits('elementwise', floats(0)).atol).toBe(0)
  })
  it('of f16 and float64 are shares of the largest number', () => {
    expect(shareOf('f16', floats(1, 100)).atol).toBeCloseTo(0.4, 10)
    expect(shareOf('float64', floats(0)).atol).toBeGreaterThan(0)
  })
})
