/**
 * A disk that is really full while a run trains: what the error says, that the last good checkpoint stays, and that the run goes on from it
 * to the bits of one that always had room. The disk is a small tmpfs, which Linux lets a process mount in a namespace of its own.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import type { Told } from './on-full-disk.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Runs a command with a disk of 1 MiB mounted at `disk`. */
const onSmallDisk = (disk: string, command: readonly string[]) => {
  const script = 'mount -t tmpfs -o size=1m tmpfs "$1" && shift && exec "$@"'
  const args = ['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh', disk, ...command]
  return spawnSync('unshare', args, { cwd: root, encoding: 'utf8' })
}
const disk = mkdtempSync(join(tmpdir(), 'sluice-disk-'))
const canMount = onSmallDisk(disk, ['true']).status === 0
if (!canMount) console.log('a full disk is not tried: no process here may mount one of its own')
afterAll(() => rmSync(disk, { recursive: true }))

it.skipIf(!canMount)('keeps the last good checkpoint wherever the room ends, says so, and goes on from it', () => {
  const program = join(root, 'spec/train/on-full-disk.ts')
  const command = [process.execPath, '--import', 'tsx', '--conditions=sluice-source', program, disk]
  const { status, stdout, stderr } = onSmallDisk(disk, command)
  expect(status, stderr).toBe(0)
  const told = JSON.parse(stdout) as readonly Told[]
  const full = told.filter(({ error }) => error !== undefined)
  for (const { error, names, kept, next, same, room } of full) {
    expect(error, `${room} bytes left`).toMatchObject({
      kind: 'write',
      message: `${error!.file}: could not be written: the disk is full. Next step: make room on it and start this again; what was there before is kept`,
    })
    // and no temporary file
    expect(names).toEqual(['checkpoint.safetensors', 'log.jsonl', 'loss.svg'])
    expect({ kept, next, same }).toEqual({ kept: true, next: 25, same: true })
  }
  // not only what is written before it: for the checkpoint itself there was no room either
  expect(full.map(({ error }) => basename(error!.file))).toContain('checkpoint.safetensors')
  expect(told.at(-1)).toMatchObject({ same: true })
  expect(told.at(-1)!.error).toBeUndefined()
})
