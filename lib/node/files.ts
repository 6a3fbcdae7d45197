/**
 * Files on disk, for Node: folders whose files are read in ranges, and files that appear whole or not at all. Reads are
 * positional and open the file each time, so no handle outlives a read (there is no live mmap package for Node).
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import * as path from 'node:path'
import { either as E, function as F, taskEither as TE } from 'fp-ts'
import { type Door, type SluiceError, fileError } from '../errors.ts'
import {
  type ByteSource,
  type Folder,
  emptyFolder,
  join,
  missingFile,
  outside,
  staysInside,
  textOf,
} from '../weights/byte-source.ts'

/** Linux returns at most 2 GiB - 4 KiB a read. */
const largestRead = 2 ** 30

const makeRoom = 'Next step: make room on it and start this again; what was there before is kept'
const reasonOf = (reason: unknown): string => {
  const { code, message } = reason as NodeJS.ErrnoException
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file'
    case 'EACCES':
    case 'EPERM':
      return 'permission denied'
    case 'EISDIR':
      return 'this is a folder, not a file'
    case 'ENOSPC':
      return `the disk is full. ${makeRoom}`
    case 'EDQUOT':
      return `the quota on this disk is used up. ${makeRoom}`
    default:
      return message
  }
}

const withHandle = async <A>(file: string, flags: string, use: (handle: FileHandle) => Promise<A>): Promise<A> => {
  const handle = await open(file, flags)
  try {
    return await use(handle)
  } finally {
    await handle.close()
  }
}

/** Exactly the wanted bytes, or fewer where the file has been cut since it was opened. */
const readFully = async (handle: FileHandle, offset: number, length: number): Promise<Uint8Array> => {
  const bytes = new Uint8Array(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, Math.min(length - filled, largestRead), offset + filled)
    if (bytesRead === 0) return bytes.subarray(0, filled)
    filled += bytesRead
  }
  return bytes
}

/** A file on disk; `missing file` if it cannot be opened. */
export const fileSource = (file: string): Door<ByteSource> =>
  F.pipe(
    TE.tryCatch(
      () => stat(file),
      reason => missingFile(file, reasonOf(reason)),
    ),
    TE.filterOrElse(
      facts => facts.isFile(),
      () => missingFile(file, 'this is not a file'),
    ),
    TE.map(({ size }) => ({ name: file, size, read: (offset, length) => readRange(file, size, offset, length) })),
  )

const readRange = (file: string, size: number, offset: number, length: number): Door<Uint8Array> => {
  const error = outside(file, size, offset, length)
  if (error) return TE.left(error)
  return F.pipe(
    TE.tryCatch(
      () => withHandle(file, 'r', handle => readFully(handle, offset, length)),
      reason => missingFile(file, reasonOf(reason)),
    ),
    TE.filterOrElse(
      bytes => bytes.length === length,
      (): SluiceError => fileError('format', file, 'the file became shorter while it was read'),
    ),
  )
}

/** A folder on disk. */
export const nodeFolder = (folder: string): Folder => {
  const name = folder.split(path.sep).join('/')
  return {
    name,
    open: file =>
      staysInside(file)
        ? fileSource(join(name, file))
        : TE.left(missingFile(join(name, file), 'the name leaves the folder')),
    list: F.pipe(
      TE.tryCatch(
        () => readdir(name),
        () => [],
      ),
      TE.match(
        () => [],
        files => files.toSorted(),
      ),
      TE.fromTask,
    ),
    within: inner => (staysInside(inner) ? nodeFolder(join(name, inner)) : emptyFolder(join(name, inner))),
  }
}

/** All files of this machine, by their paths. */
export const nodeFiles: Folder = { name: '', open: fileSource, list: TE.right([]), within: nodeFolder }

/** A text file; `missing file`, or `format` if it is not UTF-8. */
export const readText = (file: string): Door<string> => F.pipe(fileSource(file), TE.flatMap(textOf))

/**
 * Write a file so that it appears whole or not at all: the pieces go to a temporary file in the same folder, which is
 * synced and renamed. On an error (`write`, or that of a piece) the temporary file is removed and an old file stays.
 */
export const writeAtomically = (file: string, pieces: Iterable<Door<Uint8Array>>): Door<void> => {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`
  const failed = notWritten(file)
  const writePieces = async (handle: FileHandle): Promise<E.Either<SluiceError, void>> => {
    for (const piece of pieces) {
      const bytes = await piece()
      if (E.isLeft(bytes)) return bytes
      await handle.writeFile(bytes.right)
    }
    await handle.sync()
    return E.right(undefined)
  }
  return F.pipe(
    TE.tryCatch(() => withHandle(temporary, 'wx', writePieces), failed),
    TE.flatMapEither(F.identity),
    TE.flatMap(() => TE.tryCatch(() => rename(temporary, file), failed)),
    TE.orElseFirstTaskK(() => () => rm(temporary, { force: true }).catch(() => undefined)),
  )
}

const notWritten =
  (file: string) =>
  (reason: unknown): SluiceError => {
    const why = (reason as NodeJS.ErrnoException).code === 'ENOENT' ? 'its folder does not exist' : reasonOf(reason)
    return fileError('write', file, `could not be written: ${why}`)
  }
const folderOf = (file: string): Door<unknown> =>
  TE.tryCatch(() => mkdir(path.dirname(file), { recursive: true }), notWritten(file))

/** The same, in a folder that is made if need be. */
export const writeInFolder = (file: string, pieces: Iterable<Door<Uint8Array>>): Door<void> =>
  F.pipe(
    folderOf(file),
    TE.flatMap(() => writeAtomically(file, pieces)),
  )
/** Adds text to the end of a file, which is made if need be; it is on the disk when this is done. */
export const appendText = (file: string, text: string): Door<void> => {
  const add = (handle: FileHandle): Promise<void> => handle.appendFile(text).then(() => handle.sync())
  return F.pipe(
    folderOf(file),
    TE.flatMap(() => TE.tryCatch(() => withHandle(file, 'a', add), notWritten(file))),
  )
}
