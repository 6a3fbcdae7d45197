/**
 * All reference data that a clone brings: parts and whole models on the float64 references, everything on a device. What is
 * not supported yet is listed by `npm run test:golden`; here it may not fail.
 */
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { checkGroup, findCases, inGroups } from './golden/find.ts'
import { openMachine, type MachineName } from './golden/machine.ts'

const cases = findCases([fileURLToPath(new URL('./golden', import.meta.url))])
const opened = async (name: MachineName) => {
  const machine = await openMachine(name)
  if (typeof machine === 'string') throw new Error(machine)
  return machine
}

describe.each(['cpu', 'gpu'] as const)('goldens on the %s', name => {
  const machine = opened(name)
  afterAll(async () => (await machine).close())
  // the quick tests run the ops on the references
  const chosen = cases.filter(({ area }) => name === 'gpu' || area !== 'ops')

  it.each(inGroups(chosen).map(group => [group[0]!.group, group] as const))(
    '%s',
    { timeout: 600_000 },
    async (_, group) => {
      const verdicts = await checkGroup(group, await machine)
      const failures = group.flatMap(({ name: of }, k) => {
        const verdict = verdicts[k]!
        return verdict.verdict === 'failed' ? [`${of}: ${verdict.why}`] : []
      })
      expect(failures).toEqual([])
    },
  )
})
