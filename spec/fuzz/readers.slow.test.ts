/** 10,000 damaged files through all readers; `npm run fuzz` asks for ten times as many. */
import { expect, it } from 'vitest'
import { seed } from '../kit/draw.ts'
import { fuzz, shown } from './fuzz.ts'

it('every damaged file is read or refused, never more', async () => {
  let files = 0
  const findings = await fuzz({ cases: 10_000, seed }, (_, cases) => (files += cases))
  const said = findings.map(found => `${found.reader}: ${found.why}\n${shown(found)}`)
  expect(said.join('\n'), `Again: SLUICE_SEED=${seed}`).toBe('')
  expect(files).toBeGreaterThanOrEqual(10_000)
})
