/**
 * `npm run fuzz -- [--cases N] [--only READER]`: 100,000 damaged files through all readers, unless told otherwise. SLUICE_SEED repeats a
 * run; the seed is printed first. Ends with an error where a reader crashes, hangs, takes memory or answers with anything but a
 * value or a typed error.
 */
import { parseArgs } from 'node:util'
import { fuzz, shown, work } from './fuzz.ts'
import { readers } from './readers.ts'
import { seed } from '../kit/draw.ts'

const command = async (): Promise<void> => {
  const { values } = parseArgs({
    options: { cases: { type: 'string', default: '100000' }, only: { type: 'string', multiple: true } },
  })
  const unknown = values.only?.find(name => !(name in readers))
  if (unknown !== undefined)
    throw new Error(`no reader is called '${unknown}'; there are: ${Object.keys(readers).join(', ')}`)
  console.log(`SLUICE_SEED=${seed}`)
  const findings = await fuzz(
    { cases: Number(values.cases), seed, only: values.only },
    (reader, cases, found, seconds) => {
      console.log(`${found === undefined ? 'ok    ' : 'WRONG '} ${reader} (${cases} files, ${seconds.toFixed(1)} s)`)
      if (found !== undefined) console.log(`       ${found.why}\n       ${shown(found)}`)
    },
  )
  console.log(`${findings.length} of ${values.only?.length ?? Object.keys(readers).length} readers fail`)
  process.exitCode = findings.length > 0 ? 1 : 0
}

if (process.argv.includes('--worker')) work()
else await command()
