/** The shapes that the build computes for the programs whose types positive.ts states. */
import { expect, it } from 'vitest'
import { positives } from './positive.ts'

it.each(positives)('$name', ({ built, expected }) => {
  expect(built).toEqual(expected)
})
