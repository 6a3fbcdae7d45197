/** Rows put in other places: that each side of a placing is the other's gradient, on any partial placing. */
import { either as E } from 'fp-ts'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { evaluate, indexInput, input, pullback, run, value, type Loose } from 'sluice'
import { placeRows } from 'sluice/ops'
import { permutationsOf } from '../../lib/train/length-groups.ts'

const right = <A>(e: E.Either<{ readonly message: string }, A>): A => {
  if (E.isLeft(e)) throw new Error(e.left.message)
  return e.right
}
const x = input('x', ['n', 3])
const y = placeRows(x, indexInput('from', ['m']), indexInput('to', ['n']))
const dy = input('dy', ['m', 3])
const outputs = { y, dx: pullback([y], [dy], [x])[0] as Loose }

/** A partial placing of n rows in m places: `kept` of them, drawn by a seed. */
const placing = (n: number, m: number, kept: number, seed: number) => {
  const permutation = permutationsOf(seed)
  const [rows, places] = [permutation(n).slice(0, kept), permutation(m).slice(0, kept)]
  const [from, to] = [new Array<number>(m).fill(-1), new Array<number>(n).fill(-1)]
  rows.forEach((row, k) => {
    from[places[k]!] = row
    to[row] = places[k]!
  })
  return { from, to }
}
const feedsOf = (n: number, m: number, { from, to }: ReturnType<typeof placing>) => ({
  x: value(
    [n, 3],
    Float32Array.from({ length: 3 * n }, (_, i) => i + 1),
  ),
  dy: value(
    [m, 3],
    Float32Array.from({ length: 3 * m }, (_, i) => -i - 1),
  ),
  from: value([m], from, 'index'),
  to: value([n], to, 'index'),
})

it('moves rows, leaves zeros, and its gradient moves them back', () => {
  const size = fc.integer({ min: 0, max: 9 })
  fc.assert(
    fc.property(size, size, size, fc.integer(), (n, m, some, seed) => {
      const placed = placing(n, m, Math.min(n, m, some), seed)
      const feeds = feedsOf(n, m, placed)
      const { y: got, dx } = right(evaluate(outputs, feeds))
      const row = (of: typeof got, k: number): readonly number[] => Array.from(of.data.subarray(3 * k, 3 * k + 3))
      placed.from.forEach((from, k) => expect(row(got, k)).toEqual(from < 0 ? [0, 0, 0] : row(feeds.x, from)))
      placed.to.forEach((to, k) => expect(row(dx, k)).toEqual(to < 0 ? [0, 0, 0] : row(feeds.dy, to)))
    }),
  )
})
it('does so on a device, and where there are no rows at all', async () => {
  for (const [n, m, kept] of [
    [7, 5, 3],
    [4, 9, 4],
    [0, 3, 0],
  ] as const) {
    const feeds = feedsOf(n, m, placing(n, m, kept, 3))
    const [device, reference] = [right(await run(outputs, feeds)()), right(evaluate(outputs, feeds))]
    for (const name of ['y', 'dx'] as const)
      expect(Array.from(device[name].data)).toEqual(Array.from(reference[name].data))
  }
})
