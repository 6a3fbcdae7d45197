/** Every op of the library on the device: its WGSL against its reference, at drawn sizes and at the edges. */
import { checkOp, op, opOf, pointwise, run, seededDraw, wgsl, type Op, type Reduce } from 'sluice'
import { ops } from 'sluice/ops'
import { describe, expect, it } from 'vitest'
import { seed } from './draw.ts'

const wrongOf = async (made: Op, from = seed): Promise<string> => {
  const { checked } = await checkOp(made, { draw: seededDraw(from), instances: 3, only: ['device'], run })
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

describe('rows of two, of which two sums leave nothing', () => {
  const cancelling = 364791750
  const right = ops.find(({ name }) => name === 'layerNormalizeBack')!
  it('may leave what rounding both leaves', async () => {
    expect(await wrongOf(right, cancelling)).toBe('')
  })
  it('may not leave a hundred thousandth of one', async () => {
    const almost = op('almost', {
      args: (attrs: unknown) => attrs,
      rule: right.rule,
      kinds: right.kinds,
      meaning: right.meaning!,
      form: made => {
        const form = right.form!(made) as Reduce
        const off = (pass: Reduce['passes'][number]): typeof pass =>
          pass.name === 'along' ? { ...pass, value: (...at) => wgsl`(${pass.value(...at)} * ${1.00001})` } : pass
        return { ...form, passes: form.passes.map(off) }
      },
      sampleAttrs: right.sampleAttrs!,
    })
    expect(await wrongOf(opOf(almost), cancelling)).toMatch(/almost with .* on .*\[2\]: element .* is allowed/)
  })
})
