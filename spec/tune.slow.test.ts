/** Measuring schedules: all those for GPUs are right, and `sluice tune --quick` as a process prints what it measured and keeps what it chose. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { inputOf, openDevice, tune, type Value } from 'sluice'
import { matmul } from 'sluice/ops'
import { opened, wave } from './device/stored-weights.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

it('measures three products and keeps what it chose', async () => {
  const cache = mkdtempSync(join(tmpdir(), 'sluice-tune-'))
  const args = ['--import', 'tsx', '--conditions=sluice-source', join(root, 'bin/sluice.ts'), 'tune', '--quick']
  const env = { ...process.env, XDG_CACHE_HOME: cache, SLUICE_TUNED: '' }
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, env })
  const folder = join(cache, 'sluice/tuned')
  const files = readdirSync(folder)
  expect(files).toHaveLength(1)
  const { schedules } = JSON.parse(readFileSync(join(folder, files[0]!), 'utf8')) as {
    schedules: Record<string, string>
  }
  rmSync(cache, { recursive: true, force: true })
  expect(stdout.match(/ chosen$/gm)).toHaveLength(3)
  expect(stdout).not.toContain('refused')
  for (const schedule of Object.values(schedules)) expect(stdout).toMatch(new RegExp(`^  ${schedule} .* chosen$`, 'm'))
})

it('finds that every schedule for GPUs makes the same product, at sizes that fill no tile', async () => {
  const device = await opened(openDevice({ profile: { tuning: 'gpu', imageRows: 0 } }))
  const numbers = (rows: number, columns: number): Value => {
    return { kind: 'float', shape: [rows, columns], data: wave(rows * columns, 1) }
  }
  const products = [35, 36].map(k => ({
    name: `over ${k}`,
    of: matmul(inputOf('a', [70, k]), inputOf('b', [k, 68])),
    feeds: { a: numbers(70, k), b: numbers(k, 68) },
  }))
  const names = ['shared 0', 'shared, 64 by 4 rows 0', 'shared, 64 by 8 rows 0', 'tiles 0']
  for (const { candidates } of await opened(tune(device, products))) {
    expect(candidates.map(({ schedule }) => schedule).toSorted()).toEqual(names)
    expect(candidates.filter(({ refused }) => refused !== undefined)).toEqual([])
  }
  device.dispose()
})
