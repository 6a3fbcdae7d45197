/**
 * The fused kernel at every length from 1 to 700, as the device is; the same kernel through workgroup memory, as a GPU has it, at every
 * length of a memory, and at some lengths elsewhere: drivers in software are slow at it.
 */
import { expect, it } from 'vitest'
import { seed } from '../kit/draw.ts'
import { cases, decoder, more, wrongAtLengths } from './attention-rows.ts'

const withoutSubgroups = { profile: { subgroup: [0, 0], imageRows: 0 } } as const

it.each(cases)(`$name, every length, seed ${seed}`, async of => {
  expect(await wrongAtLengths(of, {})).toEqual([])
})
it.each(more)(`$name, some lengths, seed ${seed}`, async of => {
  expect(await wrongAtLengths(of, {}, { by: 29 })).toEqual([])
})
it(`${decoder.name} without subgroups, every length, seed ${seed}`, async () => {
  expect(await wrongAtLengths(decoder, withoutSubgroups, { most: 33 })).toEqual([])
})
it.each([...cases, ...more])(`$name without subgroups, some lengths, seed ${seed}`, async of => {
  expect(await wrongAtLengths(of, withoutSubgroups, { by: 29 })).toEqual([])
})
