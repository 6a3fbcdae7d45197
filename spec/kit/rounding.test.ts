/** How far rounding takes a result, which the limits of the kit grow by: steps count as well as inputs, and what is exact does not. */
import { expect, it } from 'vitest'
import { op, opOf, pointwise, value, wgsl, type Op, type Value } from 'sluice'
import { add, greaterEqual, max, shift, sub } from 'sluice/ops'
import { valueOf } from '../../lib/check/checks.ts'
import { asFeeds, build, tensorOf } from '../../lib/check/instance.ts'
import { measuredRounding } from '../../lib/check/rounding.ts'

const measured = (made: Op, x: Value): number => {
  const node = build(made, { attrs: undefined, shapes: [x.shape], kinds: ['float'], seed: 0 })
  return measuredRounding(node, [x], valueOf(tensorOf(node), asFeeds([x])))
}
const x = value([3], [1.5, -0.75, 1.25])
const unit = 2 ** -23

it('is what a unit in the last place of an input does', () => {
  const square = op('square', {
    rule: '...s -> ...s',
    ...pointwise(
      v => v * v,
      v => wgsl`(${v} * ${v})`,
    ),
  })
  expect(measured(opOf(square), x) / (3 * unit)).toBeCloseTo(1, 5)
})
it('is what rounding a large step leaves where steps cancel', () => {
  const large = op('thereAndBack', { rule: '...s -> ...s', meaning: v => shift(-(2 ** 20))(shift(2 ** 20)(v)) })
  const off = measured(opOf(large), value([3], [1 / 3, 2 / 3, 1 / 7]))
  expect(off).toBeGreaterThan(2 ** -5)
  expect(off).toBeLessThan(2 ** -3)
})
it('is nothing for inputs that are taken off again', () => {
  expect(measured(opOf(op('nothing', { rule: '...s -> ...s', meaning: v => sub(v, v) })), x)).toBe(0)
})
it('keeps what is selected equal to itself', () => {
  const largest = op('largest', {
    rule: 'n -> n',
    kinds: 'float -> truth',
    meaning: v => greaterEqual(v, max(0)(add(v, v))),
  })
  const isLargest = op('isLargest', {
    rule: 'n -> n',
    kinds: 'float -> truth',
    meaning: v => greaterEqual(v, max(0)(v)),
  })
  expect(measured(opOf(largest), x)).toBe(0)
  expect(measured(opOf(isLargest), x)).toBe(0)
})
