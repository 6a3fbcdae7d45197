/** Every op against PyTorch, on the float64 references: values, gradients, refusals. One test for each op. */
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { checkGroup, findCases, inGroups } from './golden/find.ts'
import { openMachine } from './golden/machine.ts'

const cases = findCases([fileURLToPath(new URL('./golden/ops', import.meta.url))])
const machine = await openMachine('cpu')
if (typeof machine === 'string') throw new Error(machine)

describe('op goldens', () => {
  it('are there, for every op', () => expect(inGroups(cases).length).toBeGreaterThanOrEqual(133))

  it.each(inGroups(cases).map(group => [group[0]!.group, group] as const))('%s', async (_, group) => {
    const verdicts = await checkGroup(group, machine)
    const wrong = group.flatMap(({ name }, k) => {
      const verdict = verdicts[k]!
      return verdict.verdict === 'passed' ? [] : [`${name}: ${verdict.why}`]
    })
    expect(wrong).toEqual([])
  })
})
