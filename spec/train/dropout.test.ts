/** What is drawn for training: the same bits on a device as by the reference, other ones for another seed, and the right shares. */
import { either as E } from 'fp-ts'
import { expect, it } from 'vitest'
import { evaluate, gradient, indexInput, input, randomBits, run, scope, value, type Loose, type Tensor } from 'sluice'
import { dropout, random, stochasticDepth, sum } from 'sluice/ops'

const right = <A>(e: E.Either<{ readonly message: string }, A>): A => {
  if (E.isLeft(e)) throw new Error(e.left.message)
  return e.right
}
const seed = indexInput('seed', [1])
const fed = (k: number) => ({ seed: value([1], [k], 'index') })

it('draws by the hash that initial values are drawn by, to the bit, whatever the kernel', async () => {
  const drawn = { plain: random([33], 7)(seed), four: random([8, 64], -3)(seed), named: random(['n', 5], 7)(seed) }
  const rows = input('x', ['n', 5])
  const outputs = { ...drawn, n: sum(0)(rows) }
  const feeds = { ...fed(-12345), x: value([3, 5], new Float32Array(15)) }
  const [device, reference] = [right(await run(outputs, feeds)()), right(evaluate(outputs, feeds))]
  for (const name of ['plain', 'four', 'named'] as const)
    expect(Array.from(device[name].data)).toEqual(Array.from(reference[name].data))
  expect(device.plain.data[2]).toBe((randomBits(randomBits(-12345, 7), 2) >>> 8) / 2 ** 24)
  expect(Array.from(device.named.data)).toEqual(Array.from(device.plain.data.subarray(0, 15)))
})
it('drops the share it was told, keeps the mean, and differs by seed and name', () => {
  const x = input('x', [100, 100])
  const feeds = { ...fed(1), x: value([100, 100], new Float32Array(10000).fill(1)) }
  const thin = (name: string) => dropout(name, 0.3)(x, seed)
  const outputs = { a: thin('a'), b: thin('b'), again: thin('a'), inside: scope('block', () => thin('a'))() }
  const values = right(evaluate(outputs, feeds))
  const kept = Array.from(values.a.data).filter(v => v !== 0)
  expect(kept.length / 10000).toBeCloseTo(0.7, 1)
  expect(kept.every(v => Math.abs(v - 1 / 0.7) < 1e-12)).toBe(true)
  expect(values.again.data).toEqual(values.a.data)
  expect(values.b.data).not.toEqual(values.a.data)
  expect(values.inside.data).not.toEqual(values.a.data)
  const other = right(evaluate(outputs, { ...feeds, ...fed(2) }))
  expect(other.a.data).not.toEqual(values.a.data)
})
it('drops whole samples for stochastic depth, and passes gradients where it passed numbers', () => {
  const x = input('x', ['rows', 4])
  const y = stochasticDepth('path', 0.5)(x, seed) as Loose
  const total = sum(0, 1)(y) as Loose as Tensor<[]>
  const feeds = { ...fed(4), x: value([64, 4], new Float32Array(256).fill(1)) }
  const { out, slope } = right(evaluate({ out: y, slope: gradient(total, [x])[0] as Loose }, feeds))
  const rows = Array.from({ length: 64 }, (_, r) => Array.from(out.data.subarray(4 * r, 4 * r + 4)))
  expect(new Set(rows.map(String))).toEqual(new Set(['0,0,0,0', '2,2,2,2']))
  expect(slope.data).toEqual(out.data)
})
it('is nothing at a rate of 0, and refuses a rate of 1', () => {
  const x = input('x', [3])
  expect(dropout('none', 0)(x, seed)).toBe(x)
  expect(() => dropout('all', 1)).toThrow('a rate of 1, should be from 0 up to 1')
})
