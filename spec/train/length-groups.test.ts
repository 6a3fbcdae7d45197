/** Orders by length: that every sample is seen, that batches are of like length, that the longest comes first. (Golden data: the exact order.) */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { lengthGroupedOrder, permutationsOf } from 'sluice'

it('draws orders in which everything stands once, others at every call, the same for a seed', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 60 }), fc.integer(), (n, seed) => {
      const [a, b] = [permutationsOf(seed), permutationsOf(seed)]
      const first = a(n)
      expect([...first].sort((x, y) => x - y)).toEqual(Array.from({ length: n }, (_, i) => i))
      expect(b(n)).toEqual(first)
      if (n > 20) expect(a(n)).not.toEqual(first)
    }),
  )
})
it('shows every sample to some device, as many to each, the longest first', () => {
  const lengths = fc.array(
    fc.integer({ min: 1, max: 2000 }).chain(n => fc.constantFrom(n, -n)),
    { minLength: 1, maxLength: 200 },
  )
  const small = fc.integer({ min: 1, max: 4 })
  fc.assert(
    fc.property(lengths, small, small, fc.integer(), (of, batch, world, seed) => {
      const orders = lengthGroupedOrder(of, { batch, world }, permutationsOf(seed))
      expect(orders).toHaveLength(world)
      const each = batch * Math.ceil(of.length / (batch * world))
      for (const order of orders) expect(order).toHaveLength(each)
      expect(new Set(orders.flat()).size).toBe(of.length)
      const mixed = of.some(n => n > 0) && of.some(n => n <= 0)
      if (mixed) expect(Math.abs(of[orders[0]![0]!]!)).toBe(Math.max(...of.map(Math.abs)))
    }),
  )
})
it('puts samples of like length into one batch', () => {
  const of = Array.from({ length: 400 }, (_, i) => 10 + ((i * 37) % 400))
  const [order] = lengthGroupedOrder(of, { batch: 8 }, permutationsOf(1))
  const spread = (list: readonly number[]): number => {
    const batches = Array.from({ length: 50 }, (_, b) => list.slice(8 * b, 8 * b + 8).map(i => of[i]!))
    return batches.reduce((sum, batch) => sum + Math.max(...batch) - Math.min(...batch), 0) / batches.length
  }
  const shuffled = permutationsOf(1)(400)
  expect(spread(order!)).toBeLessThan(0.25 * spread(shuffled))
})
