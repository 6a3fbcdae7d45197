/** The shapes that the build computes for the programs whose types positive.ts states. */
import { expect, it } from 'vitest'
import { everything, positives } from './positive.ts'

it.each(positives)('$name', ({ built, expected }) => {
  expect(built).toEqual(expected)
})

it('lists tensors of every shape and kind without any', () => {
  expect(everything.map(({ kind }) => kind)).toEqual(['float', 'float', 'float', 'float', 'float', 'index'])
})
