/**
 * safetensors, read lazily and written. Eight bytes give the length of a JSON header, the header gives dtype, shape and
 * place of each tensor, the data follow without holes. The format is small enough to be written out: no package on npm
 * reads the data or writes them. Nothing the header says is believed before it is checked against the file's size.
 *
 * Source: https://github.com/huggingface/safetensors (README, "Format").
 */
import { either as E, function as F, taskEither as TE } from 'fp-ts'
import * as t from 'io-ts'
import { type Door, type SluiceError, fileError } from '../errors.ts'
import { brief, parseJson, problemsOf } from '../json.ts'
import { type ByteSource, impostor, utf8 } from './byte-source.ts'
import { type TensorEntry, type TensorFile, bytesOf, dtypeBytes, isDtype, tensorEntry, unless } from './tensor-file.ts'

/** Room for two hundred thousand tensors. A hostile JSON text takes thirty times its size in memory. */
const largestHeader = 2 ** 25

const Count = t.refinement(t.number, n => Number.isSafeInteger(n) && n >= 0, 'whole number of at least 0')
const Place = t.type({
  dtype: t.string,
  shape: t.readonlyArray(Count),
  data_offsets: t.tuple([Count, Count]),
})

interface Placed extends Pick<TensorEntry, 'name' | 'dtype' | 'shape'> {
  /** bytes after the header */
  readonly begin: number
  readonly end: number
}

/** The tensors of a safetensors file; `format` if the header is damaged or lies. Reads the header only. */
export const readSafetensors = (source: ByteSource): Door<TensorFile> =>
  F.pipe(
    headerOf(source),
    TE.flatMapEither(header => tensorsOf(source, header)),
  )

const headerOf = (source: ByteSource): Door<Uint8Array> =>
  F.pipe(
    source.read(0, Math.min(source.size, 64)),
    TE.flatMap(start => {
      const length = start.length < 8 ? 0 : Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true))
      const room = Math.min(source.size - 8, largestHeader)
      const why =
        impostor(start, source.size) ??
        (start.length < 8
          ? `expected 8 bytes with the length of the header, found ${start.length}; fetch it again`
          : length < 2 || length > room
            ? `the header says it has ${length} bytes, there is room for 2 to ${room}; the file is cut short or is not safetensors: fetch it again`
            : undefined)
      return why === undefined ? source.read(8, length) : TE.left(fileError('format', source.name, why))
    }),
  )

const tensorsOf = (source: ByteSource, header: Uint8Array): E.Either<SluiceError, TensorFile> =>
  F.pipe(
    utf8(source.name, header),
    E.bindTo('text'),
    E.bind('json', ({ text }) => parseJson(text, source.name)),
    E.flatMap(({ text, json }) => checked(source, 8 + header.length, json, namesTwice(text))),
  )

/** All problems of a header together, or its tensors. */
const checked = (
  source: ByteSource,
  dataStart: number,
  json: unknown,
  twice: readonly string[],
): E.Either<SluiceError, TensorFile> => {
  const { name } = source
  if (!t.UnknownRecord.is(json)) return E.left(fileError('format', name, 'expected a JSON object as the header'))
  const metadata = metadataOf(name, json['__metadata__'] ?? {})
  const places = Object.entries(json)
    .filter(([tensor]) => tensor !== '__metadata__')
    .map(([tensor, value]) => placeOf(name, tensor, value))
  const placed = places.flatMap(place => (E.isRight(place) ? [place.right] : []))
  const mistakes = [
    ...twice.map(tensor => fileError('format', name, `${tensor} stands twice in the header`)),
    ...[metadata, ...places].flatMap(one => (E.isLeft(one) ? [one.left] : [])),
  ]
  const errors = mistakes.length > 0 ? mistakes : misplaced(name, placed, source.size - dataStart)
  return unless(errors, name, () => ({
    name,
    tensors: new Map(placed.map(place => [place.name, entryOf(source, dataStart, place)])),
    metadata: E.isRight(metadata) ? metadata.right : new Map<string, string>(),
  }))
}

const metadataOf = (file: string, value: unknown): E.Either<SluiceError, ReadonlyMap<string, string>> =>
  t.record(t.string, t.string).is(value)
    ? E.right(new Map(Object.entries(value)))
    : E.left(fileError('format', file, '__metadata__ should be an object of texts'))

const placeOf = (file: string, name: string, value: unknown): E.Either<SluiceError, Placed> => {
  const refuse = (why: string): E.Either<SluiceError, never> => E.left(fileError('format', file, `${name}: ${why}`))
  const decoded = Place.decode(value)
  if (E.isLeft(decoded))
    return refuse(
      problemsOf(decoded.left)
        .map(({ path, message }) => `${path} ${message}`.trim())
        .join(', '),
    )
  const { dtype, shape, data_offsets } = decoded.right
  const [begin, end] = data_offsets
  if (!isDtype(dtype)) return refuse(`unknown dtype ${brief(dtype)}; known are ${Object.keys(dtypeBytes).join(', ')}`)
  const bytes = bytesOf(dtype, shape)
  return end - begin === bytes
    ? E.right({ name, dtype, shape, begin, end })
    : refuse(
        `${dtype} [${shape.join(', ')}] takes ${bytes} bytes, its data_offsets [${begin}, ${end}] give ${end - begin}`,
      )
}

/** Tensors fill the data from the first byte to the last, without overlap or hole. */
const misplaced = (file: string, placed: readonly Placed[], size: number): readonly SluiceError[] => {
  const inOrder = placed.toSorted((a, b) => a.begin - b.begin || a.end - b.end)
  const beyond = inOrder.filter(place => place.end > size)
  if (beyond.length > 0)
    return beyond.map(({ name, end }) =>
      fileError(
        'format',
        file,
        `${name} ends at byte ${end} of the data, of which there are ${size}; the file is cut short: fetch it again`,
      ),
    )
  const torn = inOrder.flatMap((place, i) => {
    const before = inOrder[i - 1]
    const expected = before?.end ?? 0
    if (place.begin === expected) return []
    const what =
      place.begin < expected ? `overlaps ${before?.name ?? ''}` : `leaves a hole after ${before?.name ?? 'the header'}`
    return [
      fileError(
        'format',
        file,
        `${place.name} ${what}: it begins at byte ${place.begin} of the data, expected ${expected}`,
      ),
    ]
  })
  const end = inOrder.at(-1)?.end ?? 0
  return torn.length > 0 || end === size
    ? torn
    : [fileError('format', file, `the data have ${size} bytes, the header describes ${end}`)]
}

const entryOf = (source: ByteSource, dataStart: number, place: Placed): TensorEntry => {
  const { name, dtype, shape } = place
  const size = dtypeBytes[dtype]
  return tensorEntry({ name, dtype, shape, file: source.name }, (first, count) =>
    source.read(dataStart + place.begin + first * size, count * size),
  )
}

/** Keys that stand twice in the outermost object of a valid JSON text; JSON.parse keeps the last without a word. */
const namesTwice = (text: string): readonly string[] => {
  const seen = new Set<string>()
  const twice = new Set<string>()
  let depth = 0
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"(?:\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    else if (depth === 1 && token.endsWith(':')) {
      const name = JSON.parse(token.slice(0, -1)) as string
      if (seen.has(name)) twice.add(name)
      seen.add(name)
    }
  }
  return [...twice]
}

/**
 * A safetensors file of these tensors, as pieces to be written one after another; each tensor is read only when its
 * piece is asked for. Wide elements come first, so that every tensor is aligned to its elements. The names must differ.
 */
export const writeSafetensors = (
  tensors: Iterable<TensorEntry>,
  metadata: Readonly<Record<string, string>> = {},
): readonly Door<Uint8Array>[] => {
  const inOrder = [...tensors].sort((a, b) => dtypeBytes[b.dtype] - dtypeBytes[a.dtype])
  const places = new Map<string, unknown>(Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : [])
  let end = 0
  for (const { name, dtype, shape } of inOrder) {
    const begin = end
    end = begin + bytesOf(dtype, shape)
    places.set(name, { dtype, shape, data_offsets: [begin, end] })
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(places)))
  const header = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true)
  header.set(json, 8)
  return [TE.right(header), ...inOrder.map(wholePiece)]
}

const wholePiece = ({ name, file, dtype, shape, bytes }: TensorEntry): Door<Uint8Array> =>
  F.pipe(
    bytes,
    TE.filterOrElse(
      piece => piece.length === bytesOf(dtype, shape),
      (piece): SluiceError =>
        fileError('format', file, `${name} is ${dtype} [${shape.join(', ')}] but gives ${piece.length} bytes to write`),
    ),
  )
