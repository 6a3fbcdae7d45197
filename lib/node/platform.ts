/** The platform of Node: Dawn, with the adapter that adapter.ts finds. The twin of lib/device/browser.ts, behind `#platform`. */
import { taskEither as TE } from 'fp-ts'
import { availableParallelism, freemem } from 'node:os'
import type { Platform } from '../device/platform.ts'
import { findGpu } from './adapter.ts'
import { appendText, nodeFiles, writeInFolder } from './files.ts'
import { decodePicture } from './pictures.ts'

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
  // newer than the oldest Node that Sluice runs on, and aware of containers
  availableMemory: () => (process as { readonly availableMemory?: () => number }).availableMemory?.() ?? freemem(),
}
