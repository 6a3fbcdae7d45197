/**
 * The fused kernel on SwiftShader, whose subgroups are of four: at every length from 1 to 700 where a decoder remembers, and at every
 * eleventh elsewhere. Where there is no SwiftShader, nothing is run.
 */
import { beforeAll, expect, it } from 'vitest'
import { seed } from '../kit/draw.ts'
import { swiftShaderFolders } from '../../lib/node/swiftshader.ts'
import { cases, decoder, more, wrongAtLengths } from './attention-rows.ts'

// this file has a process of its own
beforeAll(() => {
  process.env['SLUICE_ADAPTER'] = 'swiftshader'
})
const found = swiftShaderFolders().length > 0

it.skipIf(!found).each([...cases, ...more])(`$name, seed ${seed}`, async of => {
  expect(await wrongAtLengths(of, {}, { by: of === decoder ? 1 : 11 })).toEqual([])
})
