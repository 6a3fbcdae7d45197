/**
 * The fused kernel at every length from 1 to 700, as the device is; the same kernel through workgroup memory, as a GPU has it, at every
 * length where a decoder remembers, and at every eleventh elsewhere.
 */
import { expect, it } from 'vitest'
import { seed } from '../kit/draw.ts'
import { cases, decoder, more, wrongAtLengths } from './attention-rows.ts'

const withoutSubgroups = { profile: { subgroup: [0, 0], imageRows: 0 } } as const

it.each(cases)(`$name, every length, seed ${seed}`, async of => {
  expect(await wrongAtLengths(of, {})).toEqual([])
})
it.each(more)(`$name, some lengths, seed ${seed}`, async of => {
  expect(await wrongAtLengths(of, {}, 29)).toEqual([])
})
it.each([...cases, ...more])(`$name without subgroups, seed ${seed}`, async of => {
  expect(await wrongAtLengths(of, withoutSubgroups, of === decoder ? 1 : 11)).toEqual([])
})
