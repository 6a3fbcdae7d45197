/**
 * PNG files to red, green and blue as Pillow's `Image.open(file).convert('RGB')` gives them, which is what the
 * published models were trained on: grey is repeated; alpha is put aside, palette transparency and transparent colours
 * are dropped, nothing is blended; 16-bit grey is clipped to 255, other 16-bit samples keep their high byte; EXIF is not looked at.
 *
 * The libraries do not fit: pngjs blackens pixels of a transparent colour, sharp converts 16-bit grey, and both
 * allocate what the header claims. Here nothing is allocated before that many bytes have come out of the zlib stream.
 * Source: W3C Portable Network Graphics (PNG) Specification, third edition, sections 5, 7, 9 and 10.
 */
import { crc32, inflateSync } from 'node:zlib'
import { either as E } from 'fp-ts'
import { sizeProblem, type Pixels } from '../device/pixels.ts'

interface Header {
  readonly width: number
  readonly height: number
  readonly depth: number
  readonly colour: number
  readonly interlaced: boolean
}
interface Chunks {
  readonly header: Header
  readonly palette: Uint8Array | undefined
  readonly data: Uint8Array
}
type Result<A> = E.Either<string, A>

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
export const isPng = (bytes: Uint8Array) => signature.every((byte, i) => bytes[i] === byte)

/** Samples of a pixel by colour type, and the depths it may have. */
const layouts: Partial<Record<number, { readonly samples: number; readonly depths: readonly number[] }>> = {
  0: { samples: 1, depths: [1, 2, 4, 8, 16] },
  2: { samples: 3, depths: [8, 16] },
  3: { samples: 1, depths: [1, 2, 4, 8] },
  4: { samples: 2, depths: [8, 16] },
  6: { samples: 4, depths: [8, 16] },
}
/** Which sample of a pixel says how much it covers. */
const alphaPlaces: Partial<Record<number, number>> = { 4: 1, 6: 3 }
const greyType = 0
const paletteType = 3

const readHeader = (body: Uint8Array): Result<Header> => {
  if (body.length < 13) return E.left('its header is too short')
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  const [width, height] = [view.getUint32(0), view.getUint32(4)]
  const [depth, colour, compression, filter, interlace] = body.subarray(8) as unknown as number[]
  const problem = sizeProblem(width, height)
  if (problem !== undefined) return E.left(problem)
  if (!layouts[colour!]?.depths.includes(depth!))
    return E.left(`colour type ${colour} with ${depth} bits does not exist`)
  if (compression !== 0 || filter !== 0 || interlace! > 1)
    return E.left('it uses an unknown compression, filter or interlacing')
  return E.right({ width, height, depth: depth!, colour: colour!, interlaced: interlace === 1 })
}

const readChunks = (bytes: Uint8Array): Result<Chunks> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const data: Uint8Array[] = []
  let header: Result<Header> = E.left('it does not begin with a header')
  let palette: Uint8Array | undefined
  for (let at = signature.length; at < bytes.length;) {
    const length = at + 8 <= bytes.length ? view.getUint32(at) : Infinity
    const end = at + 8 + length
    if (end + 4 > bytes.length) return E.left('it is truncated')
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    const body = bytes.subarray(at + 8, end)
    // A capital first letter marks what cannot be skipped; damage to the rest does not concern the pixels.
    const critical = name.charAt(0) < 'a'
    if (critical && crc32(bytes.subarray(at + 4, end)) !== view.getUint32(end))
      return E.left(`its ${name} chunk is damaged`)
    if (at === signature.length && name === 'IHDR') header = readHeader(body)
    if (E.isLeft(header)) return header
    if (name === 'PLTE') palette = body
    if (name === 'IDAT') data.push(body)
    if (name === 'IEND') break
    at = end + 4
  }
  if (E.isLeft(header)) return header
  if (header.right.colour === paletteType && palette === undefined) return E.left('its palette is missing')
  return E.right({ header: header.right, palette, data: Buffer.concat(data) })
}

/** The pictures an interlaced file is made of: first column and row, and the steps between columns and rows. */
const adam7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const
interface Pass {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly down: number
  readonly columns: number
  readonly rows: number
  /** Bytes of one row, without the byte that names its filter. */
  readonly stride: number
}
const passesOf = ({ width, height, depth, colour, interlaced }: Header): Pass[] =>
  (interlaced ? adam7 : ([[0, 0, 1, 1]] as const))
    .map(([left, top, right, down]) => {
      const columns = Math.ceil((width - left) / right)
      const stride = Math.ceil((columns * layouts[colour]!.samples * depth) / 8)
      return { left, top, right, down, columns, rows: Math.ceil((height - top) / down), stride }
    })
    .filter(({ columns, rows }) => columns > 0 && rows > 0)

const paeth = (left: number, up: number, corner: number) => {
  const guess = left + up - corner
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)]
  return a <= b && a <= c ? left : b <= c ? up : corner
}

/** Undoes a row's filter in place; `step` is the distance to the pixel on the left. False if the filter does not exist. */
const unfilter = (kind: number, row: Uint8Array, above: Uint8Array, step: number): boolean => {
  const left = (i: number) => (i < step ? 0 : row[i - step]!)
  const corner = (i: number) => (i < step ? 0 : above[i - step]!)
  if (kind === 1) for (let i = step; i < row.length; i++) row[i]! += row[i - step]!
  else if (kind === 2) for (let i = 0; i < row.length; i++) row[i]! += above[i]!
  else if (kind === 3) for (let i = 0; i < row.length; i++) row[i]! += (left(i) + above[i]!) >> 1
  else if (kind === 4) for (let i = 0; i < row.length; i++) row[i]! += paeth(left(i), above[i]!, corner(i))
  return kind <= 4
}

/** What reads the three colours of pixel `x` of a row: sample values as Pillow turns them into bytes. */
const colourOf = ({ depth, colour }: Header, palette: Uint8Array | undefined) => {
  const samples = layouts[colour]!.samples
  const most = 2 ** depth - 1
  const sample = (row: Uint8Array, i: number) => {
    if (depth === 8) return row[i]!
    if (depth === 16) return colour === greyType ? Math.min(row[2 * i]! * 256 + row[2 * i + 1]!, 255) : row[2 * i]!
    const packed = (row[(i * depth) >> 3]! >> (8 - depth - ((i * depth) & 7))) & most
    return colour === greyType ? (packed * 255) / most : packed
  }
  return (row: Uint8Array, x: number, channel: number) => {
    const value = sample(row, x * samples + (samples >= 3 ? channel : 0))
    return colour === paletteType ? (palette?.[value * 3 + channel] ?? 0) : value
  }
}

/** The pixels of a PNG file, or why there are none. */
export const decodePng = (bytes: Uint8Array): Result<Pixels> => {
  const chunks = readChunks(bytes)
  if (E.isLeft(chunks)) return chunks
  const { header, palette, data } = chunks.right
  const passes = passesOf(header)
  const expected = passes.reduce((sum, { rows, stride }) => sum + rows * (stride + 1), 0)
  // Some writers leave a few bytes behind the last row.
  const inflated = E.tryCatch(
    () => inflateSync(data, { maxOutputLength: expected + 65536 }),
    cause => `its pixels cannot be unpacked (${(cause as Error).message})`,
  )
  if (E.isLeft(inflated)) return inflated
  if (inflated.right.length < expected)
    return E.left(`it is truncated: ${inflated.right.length} of ${expected} bytes of pixels`)

  const { width, height } = header
  const out = new Uint8Array(width * height * 3)
  const colour = colourOf(header, palette)
  const alphaAt = alphaPlaces[header.colour]
  const alpha = alphaAt === undefined ? undefined : new Uint8Array(width * height)
  const bytesOfSample = header.depth >> 3
  const step = Math.max(1, (layouts[header.colour]!.samples * header.depth) >> 3)
  let at = 0
  for (const { left, top, right, down, columns, rows, stride } of passes) {
    let above: Uint8Array = new Uint8Array(stride)
    for (let y = 0; y < rows; y++) {
      const row = inflated.right.subarray(at + 1, at + 1 + stride)
      if (!unfilter(inflated.right[at]!, row, above, step)) return E.left(`row ${y} has an unknown filter`)
      for (let x = 0; x < columns; x++) {
        const to = ((top + y * down) * width + left + x * right) * 3
        for (let channel = 0; channel < 3; channel++) out[to + channel] = colour(row, x, channel)
        if (alpha !== undefined) alpha[to / 3] = row[x * step + alphaAt! * bytesOfSample]!
      }
      above = row
      at += stride + 1
    }
  }
  return E.right({ width, height, data: out, ...(alpha === undefined ? {} : { alpha }) })
}
