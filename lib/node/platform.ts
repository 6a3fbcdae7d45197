/** The platform of Node: Dawn, with the adapter that adapter.ts finds. The twin of lib/device/browser.ts, behind `#platform`. */
import { taskEither as TE } from 'fp-ts'
import { availableParallelism, freemem, homedir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Platform } from '../device/platform.ts'
import { findGpu } from './adapter.ts'
import { appendText, nodeFiles, writeInFolder } from './files.ts'
import { decodePicture } from './pictures.ts'

/** `SLUICE_TUNED=off`: what was measured is not read. */
const tuningFile = (adapter: string): string | undefined => {
  const { SLUICE_TUNED: wanted, XDG_CACHE_HOME: cache } = process.env
  if (wanted === 'off') return undefined
  return join(
    cache === undefined || cache === '' ? join(homedir(), '.cache') : cache,
    'sluice/tuned',
    `${adapter}.json`,
  )
}

let collector: (() => void) | undefined
/** V8's own collector, which Node shows to who asks for it, also while it runs. */
const collect = (): void => {
  if (collector === undefined) {
    setFlagsFromString('--expose-gc')
    collector = runInNewContext('gc') as () => void
  }
  collector()
}

export const platform: Platform = {
  name: 'node',
  findAdapter: TE.map(({ adapter, tried }: { adapter: GPUAdapter; tried: readonly string[] }) => ({ adapter, tried }))(
    findGpu,
  ),
  files: nodeFiles,
  write: writeInFolder,
  append: appendText,
  decode: decodePicture,
  cores: availableParallelism,
  tuningFile,
  note: text => void process.stderr.write(`${text}\n`),
  // newer than the oldest Node that Sluice runs on, and aware of containers
  availableMemory: () => (process as { readonly availableMemory?: () => number }).availableMemory?.() ?? freemem(),
  collect,
}
