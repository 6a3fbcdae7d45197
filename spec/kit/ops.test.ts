/** Every op of the library through the kit: what needs no device. A new op brings no test of its own. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ops } from 'sluice/ops'
import { checkOp, checksFor, type CheckName, type Op } from 'sluice'
import { drawFrom, seed } from './draw.ts'

/** How many instances a check sees; those that cost more see fewer. */
const runs: Partial<Record<CheckName, number>> = {
  gradient: 8,
  'gradient of gradient': 4,
  'gradient, named': 5,
  edges: 2,
}

/** Nothing is wrong with any instance; else the smallest that fails, what is wrong, and the seed. */
const holds = async (op: Op, check: CheckName): Promise<void> => {
  let last: readonly string[] = []
  const property = fc.asyncProperty(fc.gen(), async g => {
    const { checked } = await checkOp(op, { draw: drawFrom(g), instances: 1, only: [check] })
    const wrong = checked.flatMap(c => c.wrong)
    if (wrong.length > 0) last = wrong
    return wrong.length === 0
  })
  const { failed } = await fc.check(property, { seed, numRuns: runs[check] ?? 12 })
  if (failed) expect.fail(`${last.join('\n')}\nAgain: SLUICE_SEED=${seed}`)
}

describe.each(ops.map(op => [op.name, op] as const))('%s', (_, op) => {
  it.each(checksFor(op).map(({ check, title }) => [title, check] as const))('%s', async (_, check) => {
    await holds(op, check)
  })
})

it('has a name for every op, and no name twice', () => {
  const names = ops.map(op => op.name)
  expect(names).toEqual([...new Set(names)])
})
