/**
 * Picture files to pixels, meaning what Pillow's `Image.open(file).convert('RGB')` means (lib/node/png.ts says it in
 * full). JPEG and WebP go through sharp, an optional package, told to leave the pixels alone: no ICC profile, no EXIF
 * rotation, CMYK as it is stored. Its JPEG decoder gives Pillow's bytes exactly.
 *
 * What is broken, truncated, empty, absurdly large or no picture at all becomes a `picture` error that names the file.
 */
import { taskEither as TE } from 'fp-ts'
import { mostPixels, sizeProblem, type Pixels } from '../device/pixels.ts'
import { type Door, fileError } from '../errors.ts'
import { decodePng, isPng } from './png.ts'

const starts = (bytes: Uint8Array, text: string, at = 0) =>
  [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0))
const isJpeg = (bytes: Uint8Array) => starts(bytes, '\xff\xd8\xff')
const isWebp = (bytes: Uint8Array) => starts(bytes, 'RIFF') && starts(bytes, 'WEBP', 8)

/** What a file that is not a picture may be, as far as its first bytes tell. */
const guess = (bytes: Uint8Array) =>
  bytes.length === 0
    ? 'it is empty'
    : starts(bytes, 'version https://git-lfs')
      ? 'it is a Git LFS pointer (run: git lfs pull)'
      : starts(bytes, 'GIF8') || starts(bytes, 'BM') || starts(bytes, 'II*\0') || starts(bytes, 'MM\0*')
        ? 'GIF, BMP and TIFF are not read'
        : 'expected a PNG, JPEG or WebP file, found something else'

/** Adobe's inverted CMYK, as Pillow takes it: each colour times what black leaves of it. */
const fromCmyk = (cmyk: Uint8Array): Uint8Array => {
  const out = new Uint8Array((cmyk.length / 4) * 3)
  for (let i = 0; i < out.length; i++) {
    const pixel = Math.floor(i / 3) * 4
    out[i] = Math.round(((255 - cmyk[pixel + (i % 3)]!) * (255 - cmyk[pixel + 3]!)) / 255)
  }
  return out
}

const withoutAlpha = (rgba: Uint8Array): Uint8Array => rgba.filter((_, i) => i % 4 !== 3)

const loadSharp = TE.tryCatch(
  async () => (await import('sharp')).default,
  () => 'reading JPEG and WebP needs the optional package sharp: npm install sharp',
)

const decodeWithSharp = (bytes: Uint8Array): TE.TaskEither<string, Pixels> =>
  TE.flatMap(loadSharp, sharp =>
    TE.tryCatch(
      async () => {
        const open = () => sharp(bytes, { ignoreIcc: true, failOn: 'error', limitInputPixels: mostPixels })
        const { width, height, channels, space } = await open().metadata()
        const problem = sizeProblem(width, height)
        if (problem !== undefined) throw new Error(problem)
        const cmyk = space === 'cmyk' && channels === 4
        const pixels = cmyk ? open().pipelineColourspace('cmyk').toColourspace('cmyk') : open().toColourspace('srgb')
        const { data, info } = await pixels.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
        const raw = new Uint8Array(data.buffer, data.byteOffset, data.length)
        const rgb = cmyk ? fromCmyk(raw) : info.channels === 4 ? withoutAlpha(raw) : raw
        if (rgb.length !== info.width * info.height * 3) throw new Error(`it has ${info.channels} channels`)
        return { width: info.width, height: info.height, data: rgb }
      },
      cause => (cause as Error).message,
    ),
  )

/** The pixels of a picture file's bytes; `name` is how errors call it. Reads PNG, JPEG and WebP. */
export const decodePicture = (bytes: Uint8Array, name: string): Door<Pixels> => {
  const pixels = isPng(bytes)
    ? TE.fromEither(decodePng(bytes))
    : isJpeg(bytes) || isWebp(bytes)
      ? decodeWithSharp(bytes)
      : TE.left(guess(bytes))
  const told = (why: string) => fileError('picture', name, `cannot be read as a picture: ${why}`)
  return TE.mapLeft(told)(pixels)
}
