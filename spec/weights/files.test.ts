/** Files on disk: ranges, folders that are not left, and files that appear whole or not at all. */
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { taskEither as TE } from 'fp-ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fileError } from '../../lib/errors.ts'
import { appendText, fileSource, nodeFolder, readText, writeAtomically } from '../../lib/node/files.ts'
import { blobSource } from '../../lib/weights/byte-source.ts'
import { opened, refused } from './golden-files.ts'

const bytes = (...values: readonly number[]) => TE.right(Uint8Array.from(values))
let root = ''
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'sluice-files-'))
  await writeFile(
    path.join(root, 'ten'),
    Uint8Array.from({ length: 10 }, (_, i) => i),
  )
  await mkdir(path.join(root, 'inner'))
})
afterAll(() => rm(root, { recursive: true }))

describe('reading', () => {
  it('gives exactly the range, and nothing outside the file', async () => {
    const source = await opened(fileSource(path.join(root, 'ten')))
    expect(source.size).toBe(10)
    expect(await opened(source.read(3, 4))).toEqual(Uint8Array.of(3, 4, 5, 6))
    expect(await opened(source.read(10, 0))).toEqual(new Uint8Array(0))
    for (const [offset, length] of [
      [8, 3],
      [-1, 2],
      [0, 2 ** 52],
      [1.5, 1],
      [0, -1],
      [NaN, 1],
    ] as const)
      expect(await refused(source.read(offset, length))).toMatchObject({ kind: 'format' })
  })
  it('a file that shrinks while it is read is an error, not zeros', async () => {
    const file = path.join(root, 'shrinks')
    await writeFile(file, new Uint8Array(10))
    const source = await opened(fileSource(file))
    await truncate(file, 4)
    expect(await refused(source.read(0, 10))).toMatchObject({ kind: 'format' })
  })
  it('what is not there, is a folder or lies outside is a missing file', async () => {
    const folder = nodeFolder(root)
    for (const file of ['absent', 'inner', 'ten/inner', '../ten', path.join(root, 'ten'), 'a\0b'])
      expect(await refused(folder.open(file))).toMatchObject({ kind: 'missing file' })
    expect(await refused(folder.within('..').open('ten'))).toMatchObject({ kind: 'missing file' })
    expect(await opened(nodeFolder(path.join(root, 'absent')).list)).toEqual([])
    expect(await opened(folder.list)).toContain('ten')
  })
  it('a blob gives the same ranges, and an error when it is gone', async () => {
    const source = blobSource('dropped', new Blob([Uint8Array.of(0, 1, 2, 3)]))
    expect(await opened(source.read(1, 2))).toEqual(Uint8Array.of(1, 2))
    expect(await refused(source.read(3, 2))).toMatchObject({ kind: 'format' })
    const gone = { size: 4, slice: () => ({ arrayBuffer: () => Promise.reject(new Error('gone')) }) }
    expect(await refused(blobSource('gone', gone).read(0, 4))).toMatchObject({ kind: 'missing file' })
  })
  it('text that is not UTF-8 is a format error', async () => {
    const file = path.join(root, 'latin')
    await writeFile(file, Uint8Array.of(0xe4))
    expect(await refused(readText(file))).toMatchObject({ kind: 'format' })
  })
})

describe('writing', () => {
  it('writes the pieces one after another', async () => {
    const file = path.join(root, 'new')
    await opened(writeAtomically(file, [bytes(1, 2), bytes(), bytes(3)]))
    expect([...(await readFile(file))]).toEqual([1, 2, 3])
  })
  it('after an error of a piece the old file stands and nothing else is left', async () => {
    const file = path.join(root, 'old')
    await writeFile(file, 'old')
    const before = await readdir(root)
    const failing = TE.left(fileError('format', 'source', 'cut short'))
    expect(await refused(writeAtomically(file, [bytes(1), failing]))).toMatchObject({ kind: 'format' })
    expect(await readFile(file, 'utf8')).toBe('old')
    expect(await readdir(root)).toEqual(before)
  })
  it('a folder that does not exist is a write error', async () => {
    const error = await refused(writeAtomically(path.join(root, 'nowhere', 'file'), [bytes(1)]))
    expect(error).toMatchObject({
      kind: 'write',
      message: expect.stringContaining('its folder does not exist') as string,
    })
  })
  it('a target that is a folder is a write error and leaves nothing', async () => {
    const before = await readdir(root)
    expect(await refused(writeAtomically(path.join(root, 'inner'), [bytes(1)]))).toMatchObject({ kind: 'write' })
    expect(await readdir(root)).toEqual(before)
  })
  it.skipIf(!existsSync('/dev/full'))('a full disk is a write error that says what to do', async () => {
    const file = path.join(root, 'full')
    await symlink('/dev/full', file)
    const error = await refused(appendText(file, 'a line'))
    expect(error.kind).toBe('write')
    expect(error.message).toBe(
      `${file}: could not be written: the disk is full. Next step: make room on it and start this again; what was there before is kept`,
    )
  })
  it.skipIf(process.getuid?.() === 0)('no permission is a write error', async () => {
    const locked = path.join(root, 'locked')
    await mkdir(locked)
    await chmod(locked, 0o500)
    expect(await refused(writeAtomically(path.join(locked, 'file'), [bytes(1)]))).toMatchObject({ kind: 'write' })
  })
})
