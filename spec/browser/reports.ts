/** What a place says while it checks: to the console where that is Node, over HTTP where it is a page. */
import { either as E } from 'fp-ts'
import * as t from 'io-ts'
import { openDevice } from 'sluice'
import { checksFor, type Place } from './checks.ts'

export const Report = t.union([
  t.type({ kind: t.literal('device'), name: t.string, profile: t.string }),
  t.type({ kind: t.literal('begun'), check: t.string }),
  t.type({ kind: t.literal('checked'), check: t.string, wrong: t.readonlyArray(t.string), seconds: t.number }),
  /** nothing more will come; `why` is there where not all was checked */
  t.type({ kind: t.literal('ended'), why: t.union([t.string, t.undefined]) }),
])
export type Report = t.TypeOf<typeof Report>

export interface Checking extends Omit<Place, 'device'> {
  readonly modelNames: readonly string[]
  readonly report: (report: Report) => Promise<void>
}

/** Runs all checks on a device of their own. */
export const check = async ({ report, modelNames, ...place }: Checking): Promise<void> => {
  const opened = await openDevice()()
  if (E.isLeft(opened)) return report({ kind: 'ended', why: opened.left.message })
  const device = opened.right
  await report({ kind: 'device', name: device.name, profile: JSON.stringify(device.profile) })
  for (const { name, wrong } of checksFor(modelNames, place.known)) {
    await report({ kind: 'begun', check: name })
    const start = performance.now()
    const found = await wrong({ ...place, device }).catch((error: unknown) => [String(error)])
    await report({ kind: 'checked', check: name, wrong: found, seconds: (performance.now() - start) / 1000 })
  }
  device.dispose()
  await report({ kind: 'ended', why: undefined })
}
