/** The platform of a page or a worker: the browser's own WebGPU. The twin of lib/node/platform.ts, behind `#platform`. */
import { either as E, taskEither as TE } from 'fp-ts'
import { deviceError, fileError, type DeviceError, type Door, type SluiceError } from '../errors.ts'
import { missingFile, type Folder } from '../weights/byte-source.ts'
import { sizeProblem, type Pixels } from './pixels.ts'
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

/** What decoding asks of the DOM; pages and workers have it, and the types that this file is checked with do not. */
interface Bitmap {
  readonly width: number
  readonly height: number
  readonly close: () => void
}
interface Canvas {
  readonly getContext: (
    kind: '2d',
    options: { readonly willReadFrequently: boolean; readonly colorSpace: 'srgb' },
  ) => {
    readonly drawImage: (bitmap: Bitmap, x: number, y: number) => void
    readonly getImageData: (x: number, y: number, w: number, h: number) => { readonly data: Uint8ClampedArray }
  } | null
}
interface Dom {
  readonly createImageBitmap: (
    blob: Blob,
    options: Readonly<Record<'colorSpaceConversion' | 'imageOrientation' | 'premultiplyAlpha', string>>,
  ) => Promise<Bitmap>
  readonly OffscreenCanvas: new (width: number, height: number) => Canvas
}

/** Bytes as they are in the file: no colour profile and no EXIF rotation. */
const asStored = { colorSpaceConversion: 'none', imageOrientation: 'none', premultiplyAlpha: 'none' }

const withoutAlpha = (rgba: Uint8ClampedArray): Uint8Array => {
  const rgb = new Uint8Array((rgba.length / 4) * 3)
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from]!
    rgb[to + 1] = rgba[from + 1]!
    rgb[to + 2] = rgba[from + 2]!
  }
  return rgb
}

const pixelsOf = async (bytes: Uint8Array): Promise<Pixels> => {
  const { createImageBitmap, OffscreenCanvas } = globalThis as unknown as Dom
  const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)]), asStored)
  try {
    const { width, height } = bitmap
    const problem = sizeProblem(width, height)
    if (problem !== undefined) throw new Error(problem)
    const context = new OffscreenCanvas(width, height).getContext('2d', {
      willReadFrequently: true,
      colorSpace: 'srgb',
    })
    if (context === null) throw new Error('the browser gives no canvas to read it from')
    context.drawImage(bitmap, 0, 0)
    return { width, height, data: withoutAlpha(context.getImageData(0, 0, width, height).data) }
  } finally {
    bitmap.close()
  }
}

/**
 * The browser's own decoder. Of pictures without transparency it gives what Node's gives; where a pixel is transparent a canvas
 * keeps its colour less exactly, and none of it where it cannot be seen at all.
 */
const decode = (bytes: Uint8Array, name: string): Door<Pixels> => {
  const told = (why: unknown): SluiceError =>
    fileError('picture', name, `cannot be read as a picture: ${why instanceof Error ? why.message : String(why)}`)
  return TE.tryCatch(() => pixelsOf(bytes), told)
}

export const platform: Platform = {
  name: 'browser',
  findAdapter,
  files,
  decode,
  cores: () => navigator()?.hardwareConcurrency ?? 1,
  availableMemory: () => undefined,
}
