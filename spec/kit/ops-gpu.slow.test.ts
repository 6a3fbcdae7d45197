/** Every op of the library on the device: its WGSL against its reference, at drawn sizes and at the edges. */
import * as sluice from 'sluice'
import { ops } from 'sluice/ops'
import { describe, expect, it } from 'vitest'
import { seed } from './draw.ts'

const run = (sluice as { readonly run?: sluice.Runner }).run

const wrongOf = async (op: sluice.Op): Promise<string> => {
  const draw = sluice.seededDraw(seed)
  const { checked } = await sluice.checkOp(op, { draw, instances: 3, only: ['device'], run: run! })
  return checked.flatMap(c => c.wrong).join('\n')
}

describe.skipIf(run === undefined)('WGSL agrees with the reference', () => {
  it.each(ops.map(op => [op.name, op] as const))('%s', async (_, op) => {
    expect(await wrongOf(op), `Again: SLUICE_SEED=${seed}`).toBe('')
  })

  it('and where it does not, that is found', async () => {
    const square = sluice.op('square', {
      rule: '...s -> ...s',
      ...sluice.pointwise(
        x => x * x,
        x => sluice.wgsl`(${x} * ${x} * ${1.0001})`,
      ),
    })
    expect(await wrongOf(sluice.opOf(square))).toMatch(/square on .*: element \d+ is .*, should be .*\(elementwise\)/)
  })
})
if (run === undefined) it.skip('WGSL agrees with the reference: there is no `run` yet', () => {})
