/** The platform of a page or a worker: the browser's own WebGPU. The twin of lib/node/platform.ts, behind `#platform`. */
import { either as E, taskEither as TE } from 'fp-ts'
import { deviceError, fileError, type DeviceError, type Door } from '../errors.ts'
import { missingFile, type Folder } from '../weights/byte-source.ts'
import { decode } from './browser-pictures.ts'
import type { FoundAdapter, Platform } from './platform.ts'

const noAdapter = (why: string): E.Either<DeviceError, FoundAdapter> =>
  E.left(deviceError('no adapter', `no WebGPU adapter: ${why}`))

interface Navigator {
  readonly gpu?: GPU
  readonly hardwareConcurrency?: number
}
const navigator = (): Navigator | undefined => (globalThis as { readonly navigator?: Navigator }).navigator

const findAdapter = async (): Promise<E.Either<DeviceError, FoundAdapter>> => {
  const gpu = navigator()?.gpu
  if (gpu === undefined)
    return noAdapter(
      'navigator.gpu is missing; use a browser with WebGPU, and serve the page over https or from localhost',
    )
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
    if (adapter === null)
      return noAdapter('the browser offers none; in Chromium without a GPU start it with --enable-unsafe-webgpu')
    return E.right({ adapter, tried: [`navigator.gpu: ${adapter.info.vendor} ${adapter.info.architecture}`] })
  } catch (error) {
    return noAdapter(`requestAdapter failed: ${String(error)}`)
  }
}

const files: Folder = {
  name: '',
  open: file => TE.left(missingFile(file, 'a page has no paths; pass a folder of the files that its user chose')),
  list: TE.right([]),
  within: () => files,
}

const cannotWrite = (file: string): Door<void> =>
  TE.left(fileError('write', file, 'could not be written: a page has no paths'))

export const platform: Platform = {
  name: 'browser',
  findAdapter,
  files,
  write: cannotWrite,
  append: cannotWrite,
  decode,
  cores: () => navigator()?.hardwareConcurrency ?? 1,
  tuningFile: () => undefined,
  note: () => undefined,
  availableMemory: () => undefined,
  collect: () => undefined,
}
