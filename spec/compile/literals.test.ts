/** Numbers as WGSL spells them: short, the same f32, and never out of range. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { floatLiteral } from '../../lib/compile/wgsl.ts'

it('is short and always a float', () => {
  expect([0, 1, -2, 0.5, 1e-5, 1.702, 1e20].map(floatLiteral)).toEqual([
    '0.0',
    '1.0',
    '-2.0',
    '0.5',
    '0.00001',
    '1.702',
    '100000000000000000000.0',
  ])
})
it('spells an infinity as the largest number: a kernel has no other', () => {
  expect(floatLiteral(Number.POSITIVE_INFINITY)).toBe('3.4028234663852886e+38')
  expect(floatLiteral(Number.NEGATIVE_INFINITY)).toBe('-3.4028234663852886e+38')
})
it('rounds to the same f32 and stays in range', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), x => {
      expect(Object.is(Math.fround(Number(floatLiteral(x))), x)).toBe(true)
      expect(Math.abs(Number(floatLiteral(x)))).toBeLessThanOrEqual(3.4028234663852886e38)
    }),
  )
})
