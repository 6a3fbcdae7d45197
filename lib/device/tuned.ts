/**
 * What `sluice tune` measured, in a file for each adapter: the schedule for every class of products where another than the estimate's
 * was faster. A file that is broken, or of another version, is not believed: a note says so, and the estimates stay.
 */
import { platform } from '#platform'
import { function as F, task as T, taskEither as TE } from 'fp-ts'
import * as t from 'io-ts'
import type { DeviceProfile } from '../compile/pass.ts'
import { fileError, type Door } from '../errors.ts'
import { readJson } from '../json.ts'
import { textOf } from '../weights/byte-source.ts'

/** To be raised when schedules change, so that they are measured anew. */
const version = 2
const codec = t.type({ version: t.literal(version), schedules: t.record(t.string, t.string) })

/** An adapter as the name of a file. */
const adapterName = ({ vendor, architecture, device, description }: GPUAdapterInfo): string =>
  [vendor, architecture, device, description]
    .join('-')
    .replaceAll(/[^a-zA-Z0-9.]+/g, '-')
    .toLowerCase()

/** How kernels are chosen on an adapter that was measured; undefined where it was not. */
export const readTuned = (info: GPUAdapterInfo): T.Task<DeviceProfile['choose'] | undefined> => {
  const file = platform.tuningFile(adapterName(info))
  if (file === undefined) return T.of(undefined)
  return F.pipe(
    platform.files.open(file),
    TE.flatMap(textOf),
    TE.flatMapEither(text => readJson(codec, text, file)),
    TE.match(
      error => {
        if (error.kind !== 'missing file') {
          platform.note(`${error.message}\nKernels are chosen by estimates. Next step: sluice tune`)
        }
        return undefined
      },
      ({ schedules }) => {
        const known = new Map(Object.entries(schedules))
        return (products: string) => known.get(products)
      },
    ),
  )
}

/** Keeps schedules by class of products for the next time that the adapter is opened; gives the file. Error `write`. */
export const writeTuned = (info: GPUAdapterInfo, schedules: ReadonlyMap<string, string>): Door<string> => {
  const file = platform.tuningFile(adapterName(info))
  if (file === undefined) return TE.left(fileError('write', 'tuning', 'not kept, since SLUICE_TUNED is off'))
  const content = { version, schedules: Object.fromEntries(schedules) }
  const bytes = new TextEncoder().encode(`${JSON.stringify(content, undefined, 2)}\n`)
  return TE.map(() => file)(platform.write(file, [TE.right(bytes)]))
}
