/** The fused kernel at every length from 1 to 700, in every case that models have, as the device is and through workgroup memory. */
import { expect, it } from 'vitest'
import { seed } from '../kit/draw.ts'
import { cases, more, wrongAtLengths } from './attention-rows.ts'

const carriers = [
  ['as the device is', {}],
  ['without subgroups', { profile: { subgroup: [0, 0], imageRows: 0 } }],
] as const

for (const [how, options] of carriers) {
  it.each(cases)(`$name, every length, ${how}, seed ${seed}`, async of => {
    expect(await wrongAtLengths(of, options)).toEqual([])
  })
  it.each(more)(`$name, some lengths, ${how}, seed ${seed}`, async of => {
    expect(await wrongAtLengths(of, options, 29)).toEqual([])
  })
}
