/** Every op of the library on the device: its WGSL against its reference, at drawn sizes and at the edges. */
import { checkOp, op, opOf, pointwise, run, seededDraw, wgsl, type Op } from 'sluice'
import { ops } from 'sluice/ops'
import { expect, it } from 'vitest'
import { seed } from './draw.ts'

const wrongOf = async (made: Op): Promise<string> => {
  const { checked } = await checkOp(made, { draw: seededDraw(seed), instances: 3, only: ['device'], run })
  return checked.flatMap(c => c.wrong).join('\n')
}

it.each(ops.map(made => [made.name, made] as const))('%s: WGSL agrees with the reference', async (_, made) => {
  expect(await wrongOf(made), `Again: SLUICE_SEED=${seed}`).toBe('')
})

it('finds WGSL that does not agree', async () => {
  const square = op('square', {
    rule: '...s -> ...s',
    ...pointwise(
      x => x * x,
      x => wgsl`(${x} * ${x} * ${1.0001})`,
    ),
  })
  expect(await wrongOf(opOf(square))).toMatch(/square on .*: element \d+ is .*, should be .*\(elementwise\)/)
})
