/**
 * The members of a zip whose members are stored, not compressed, as the zips of torch.save are: each is then a range of
 * the file and can be read in ranges itself. Sizes beyond 4 GiB (zip64) included. Npm's zip readers unpack whole members
 * or need Node.
 *
 * Source: PKWARE APPNOTE 6.3.9, sections 4.3.7 to 4.3.16 and 4.5.3.
 */
import { either as E, function as F, taskEither as TE } from 'fp-ts'
import { type Door, type SluiceError, fileError } from '../errors.ts'
import { type ByteSource, outside } from './byte-source.ts'

const endBytes = 22
const locatorBytes = 20
const end64Bytes = 56
const entryBytes = 46
const localBytes = 30
const signature = { local: 0x04034b50, entry: 0x02014b50, end: 0x06054b50, end64: 0x06064b50, locator: 0x07064b50 }
const longestComment = 0xffff
const overflow = 0xffffffff

interface Directory {
  readonly offset: number
  readonly size: number
}

/** The members by name; `format` if this is not a zip, is cut short, or has compressed members. Reads the directory only. */
export const readZip = (source: ByteSource): Door<ReadonlyMap<string, ByteSource>> =>
  F.pipe(
    directoryOf(source),
    TE.flatMap(({ offset, size }) => source.read(offset, size)),
    TE.flatMapEither(bytes => membersOf(source, bytes)),
  )

const damaged = (source: ByteSource, why: string): SluiceError => fileError('format', source.name, why)
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const wide = (view: DataView, at: number): number => Number(view.getBigUint64(at, true))

/** The directory stands at the end of the file, before a record that says where, before a comment of unknown length. */
const directoryOf = (source: ByteSource): Door<Directory> => {
  const tailBytes = Math.min(source.size, endBytes + longestComment)
  return F.pipe(
    source.read(source.size - tailBytes, tailBytes),
    TE.flatMap((tail): Door<Directory> => {
      const view = viewOf(tail)
      let at = tailBytes - endBytes
      while (
        at >= 0 &&
        !(view.getUint32(at, true) === signature.end && at + endBytes + view.getUint16(at + 20, true) === tailBytes)
      )
        at--
      if (at < 0)
        return TE.left(
          damaged(source, 'no zip directory at its end; the file is cut short or is not a zip: fetch it again'),
        )
      const size = view.getUint32(at + 12, true)
      const offset = view.getUint32(at + 16, true)
      return size === overflow || offset === overflow
        ? directory64Of(source, source.size - tailBytes + at)
        : TE.right({ offset, size })
    }),
  )
}

const directory64Of = (source: ByteSource, end: number): Door<Directory> => {
  const record = (offset: number, length: number, expected: number): Door<DataView> =>
    F.pipe(
      source.read(offset, length),
      TE.map(viewOf),
      TE.filterOrElse(
        view => view.getUint32(0, true) === expected,
        () => damaged(source, 'its zip64 directory is damaged: fetch it again'),
      ),
    )
  return F.pipe(
    record(end - locatorBytes, locatorBytes, signature.locator),
    TE.flatMap(locator => record(wide(locator, 8), end64Bytes, signature.end64)),
    TE.map(view => ({ size: wide(view, 40), offset: wide(view, 48) })),
  )
}

const membersOf = (
  source: ByteSource,
  directory: Uint8Array,
): E.Either<SluiceError, ReadonlyMap<string, ByteSource>> => {
  const view = viewOf(directory)
  const members = new Map<string, ByteSource>()
  const refuse = (why: string): E.Either<SluiceError, never> => E.left(damaged(source, why))
  let at = 0
  while (at < directory.length) {
    if (at + entryBytes > directory.length || view.getUint32(at, true) !== signature.entry)
      return refuse(`its zip directory is damaged at entry ${members.size}: fetch it again`)
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map(field => view.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ]
    const next = at + entryBytes + nameBytes + extraBytes + commentBytes
    if (next > directory.length) return refuse(`its zip directory is damaged at entry ${members.size}: fetch it again`)
    const name = new TextDecoder().decode(directory.subarray(at + entryBytes, at + entryBytes + nameBytes))
    if (members.has(name)) return refuse(`${name} stands twice in the zip`)
    if (view.getUint16(at + 10, true) !== 0 || (view.getUint16(at + 8, true) & 1) !== 0)
      return refuse(
        `${name} is compressed or encrypted in the zip; torch.save does neither: unzip the file and zip it with -0`,
      )
    const extra = directory.subarray(at + entryBytes + nameBytes, at + entryBytes + nameBytes + extraBytes)
    const [size, stored, local] = widened(
      [24, 20, 42].map(field => view.getUint32(at + field, true)),
      extra,
    )
    if (size === undefined || local === undefined || size !== stored)
      return refuse(`${name} has an impossible size in the zip directory`)
    members.set(name, memberOf(source, name, local, size))
    at = next
  }
  return E.right(members)
}

/** Numbers that do not fit 32 bits stand, in the same order, in the extra field with the id 1. */
const widened = (fields: readonly number[], extra: Uint8Array): readonly (number | undefined)[] => {
  const view = viewOf(extra)
  let at = 0
  while (at + 4 <= extra.length && view.getUint16(at, true) !== 1) at += 4 + view.getUint16(at + 2, true)
  let next = at + 4
  return fields.map(field => {
    if (field !== overflow) return field
    const here = next
    next += 8
    return next <= extra.length ? wide(view, here) : undefined
  })
}

/** A member: its data stand after a header of its own, whose length only it knows. */
const memberOf = (source: ByteSource, member: string, local: number, size: number): ByteSource => {
  const name = `${source.name}: ${member}`
  return {
    name,
    size,
    read: (offset, length) => {
      const error = outside(name, size, offset, length)
      if (error) return TE.left(error)
      return F.pipe(
        source.read(local, localBytes),
        TE.map(viewOf),
        TE.filterOrElse(
          view => view.getUint32(0, true) === signature.local,
          () => damaged(source, `${member} is not where the zip directory says: fetch the file again`),
        ),
        TE.flatMap(view => {
          const start = local + localBytes + view.getUint16(26, true) + view.getUint16(28, true)
          return source.read(start + offset, length)
        }),
      )
    },
  }
}
