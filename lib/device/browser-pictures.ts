/**
 * Picture files to pixels in a page or a worker, by the browser's own decoders: of an opaque picture with eight bits to a colour, exactly
 * what lib/node/pictures.ts gives. Not so exactly: where a pixel is transparent a canvas keeps less of its colour, and none where it
 * cannot be seen at all; 16-bit grey is scaled where Pillow clips it; CMYK is converted by its profile.
 */
import { taskEither as TE } from 'fp-ts'
import { fileError, type Door, type SluiceError } from '../errors.ts'
import { sizeProblem, type Pixels } from './pixels.ts'

/** What this asks of the DOM, which the types that this file is checked with lack. */
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
    options: Readonly<Record<'colorSpaceConversion' | 'premultiplyAlpha', 'none'>>,
  ) => Promise<Bitmap>
  readonly OffscreenCanvas: new (width: number, height: number) => Canvas
}

const jpeg = { marker: 0xff, start: 0xd8, exif: 0xe1, scan: 0xda }
/**
 * The file without the EXIF segments of a JPEG: a browser turns a picture as they say, and nothing in `createImageBitmap` forbids it,
 * but the pictures of training were not turned.
 */
const withoutExif = (bytes: Uint8Array): Blob => {
  const { marker, start, exif, scan } = jpeg
  const kept: Uint8Array<ArrayBuffer>[] = []
  const keep = (from: number, to?: number): unknown => kept.push(new Uint8Array(bytes.subarray(from, to)))
  let at = bytes[0] === marker && bytes[1] === start ? 2 : 0
  keep(0, at)
  while (at > 0 && at + 4 <= bytes.length && bytes[at] === marker && bytes[at + 1] !== scan) {
    const end = at + 2 + bytes[at + 2]! * 256 + bytes[at + 3]!
    if (bytes[at + 1] !== exif) keep(at, end)
    at = end
  }
  keep(at)
  return new Blob(kept)
}

const apart = (rgba: Uint8ClampedArray): { readonly data: Uint8Array; readonly alpha: Uint8Array } => {
  const data = new Uint8Array((rgba.length / 4) * 3)
  const alpha = new Uint8Array(rgba.length / 4)
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    data[to] = rgba[from]!
    data[to + 1] = rgba[from + 1]!
    data[to + 2] = rgba[from + 2]!
    alpha[from / 4] = rgba[from + 3]!
  }
  return { data, alpha }
}

const pixelsOf = async (bytes: Uint8Array): Promise<Pixels> => {
  const { createImageBitmap, OffscreenCanvas } = globalThis as unknown as Dom
  // colours as they are in the file
  const bitmap = await createImageBitmap(withoutExif(bytes), { colorSpaceConversion: 'none', premultiplyAlpha: 'none' })
  try {
    const { width, height } = bitmap
    const problem = sizeProblem(width, height)
    if (problem !== undefined) throw new Error(problem)
    const canvas = new OffscreenCanvas(width, height)
    const context = canvas.getContext('2d', { willReadFrequently: true, colorSpace: 'srgb' })
    if (context === null) throw new Error('the browser gives no canvas to read it from')
    context.drawImage(bitmap, 0, 0)
    return { width, height, ...apart(context.getImageData(0, 0, width, height).data) }
  } finally {
    bitmap.close()
  }
}

/** The pixels of a picture file's bytes; `name` is how errors call it. Error `picture`. */
export const decode = (bytes: Uint8Array, name: string): Door<Pixels> => {
  const told = (why: unknown): SluiceError =>
    fileError('picture', name, `cannot be read as a picture: ${why instanceof Error ? why.message : String(why)}`)
  return TE.tryCatch(() => pixelsOf(bytes), told)
}
