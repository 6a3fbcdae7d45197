/**
 * Where bytes come from. Weight files are read in ranges, so that a checkpoint of 14 GB is never in memory at once; a
 * range is all that Node's FileHandle, a browser's Blob and HTTP have in common. Readers of formats know only this
 * interface and run anywhere.
 *
 * No handle is held between two reads, so there is nothing to close.
 */
import { either as E, taskEither as TE } from 'fp-ts'
import { type Door, type SluiceError, fileError } from '../errors.ts'

/** A file or a piece of memory, read in ranges. */
export interface ByteSource {
  /** the path to show in messages */
  readonly name: string
  /** bytes */
  readonly size: number
  /** Exactly `length` bytes from `offset`, in memory of their own; a range outside the source is a `format` error. */
  readonly read: (offset: number, length: number) => Door<Uint8Array>
}

/** A set of files under one name. File names are relative, with `/`, and cannot leave the folder. */
export interface Folder {
  /** the path to show in messages */
  readonly name: string
  readonly open: (file: string) => Door<ByteSource>
  /** names of the files directly inside, sorted; empty if the folder does not exist */
  readonly list: Door<readonly string[]>
  /** a folder inside this one, which need not exist */
  readonly within: (folder: string) => Folder
}

export const join = (folder: string, file: string): string =>
  folder === '' ? file : `${folder.replace(/\/+$/, '')}/${file}`

/** Whether a relative name stays inside its folder, on every operating system. */
export const staysInside = (file: string): boolean =>
  file !== '' && !/^[\\/]|^[a-zA-Z]:|\0/.test(file) && !file.split(/[\\/]/).includes('..')

/** The error of a range that a source of this size does not have. Sources check it before they allocate anything. */
export const outside = (name: string, size: number, offset: number, length: number): SluiceError | undefined =>
  Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0 && offset + length <= size
    ? undefined
    : fileError(
        'format',
        name,
        `bytes ${offset} to ${offset + length} were needed, but there are only ${size}; the file is cut short or damaged: fetch it again`,
      )

export const missingFile = (name: string, why = 'there is no such file'): SluiceError =>
  fileError('missing file', name, why)

export const bytesSource = (name: string, bytes: Uint8Array): ByteSource => ({
  name,
  size: bytes.length,
  read: (offset, length) => {
    const error = outside(name, bytes.length, offset, length)
    return error ? TE.left(error) : TE.fromIO(() => new Uint8Array(bytes.subarray(offset, offset + length)))
  },
})

/** What a browser's File and Blob have in common with Node's Blob. */
export interface BlobLike {
  readonly size: number
  readonly slice: (start: number, end: number) => { readonly arrayBuffer: () => Promise<ArrayBuffer> }
}

/** A file the user chose in a page. */
export const blobSource = (name: string, blob: BlobLike): ByteSource => ({
  name,
  size: blob.size,
  read: (offset, length) => {
    const error = outside(name, blob.size, offset, length)
    if (error) return TE.left(error)
    return TE.tryCatch(
      async () => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
      reason => missingFile(name, `it can no longer be read: ${(reason as Error).message}`),
    )
  },
})

/** A folder in memory, its files by their relative names: what tests and a page with dropped files use. */
export const memoryFolder = (name: string, files: ReadonlyMap<string, Uint8Array>): Folder => ({
  name,
  open: file => {
    const bytes = files.get(file)
    return bytes ? TE.right(bytesSource(join(name, file), bytes)) : TE.left(missingFile(join(name, file)))
  },
  list: TE.fromIO(() => [...files.keys()].filter(file => !file.includes('/')).sort()),
  within: folder => {
    const prefix = join(folder, '')
    const inside = [...files].filter(([file]) => file.startsWith(prefix))
    return memoryFolder(join(name, folder), new Map(inside.map(([file, bytes]) => [file.slice(prefix.length), bytes])))
  },
})

/** A folder without files. */
export const emptyFolder = (name: string): Folder => memoryFolder(name, new Map())

/** All of a source as text; `format` if it is not UTF-8. */
export const textOf = (source: ByteSource): Door<string> =>
  TE.flatMap((bytes: Uint8Array) => TE.fromEither(utf8(source.name, bytes)))(source.read(0, source.size))

/** A text file of a folder through its reader, which is told the path to show in messages. */
export const textThrough = <A>(
  folder: Folder,
  file: string,
  read: (text: string, name: string) => E.Either<SluiceError, A>,
): Door<A> =>
  TE.flatMapEither((text: string) => read(text, join(folder.name, file)))(TE.flatMap(textOf)(folder.open(file)))

export const utf8 = (name: string, bytes: Uint8Array): E.Either<SluiceError, string> =>
  E.tryCatch(
    () => new TextDecoder('utf-8', { fatal: true }).decode(bytes),
    () => fileError('format', name, 'expected UTF-8 text, found other bytes'),
  )

/** What a file really is, judged by its first bytes, where that explains why it cannot be read. */
export const impostor = (start: Uint8Array, size: number): string | undefined => {
  const text = new TextDecoder('latin1').decode(start.subarray(0, 64)).trimStart()
  if (size === 0) return 'the file is empty; fetch it again'
  if (text.startsWith('version https://git-lfs'))
    return 'this is a Git LFS pointer, not the weights; run `git lfs pull` in the folder it was cloned to'
  if (/^<(!doctype|html|\?xml)/i.test(text))
    return 'this is a web page, not weights; the download failed: fetch it again'
  return undefined
}
