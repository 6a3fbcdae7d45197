/** Measuring schedules: all those for GPUs are right, and `sluice tune --quick` as a process prints what it measured and keeps what it chose. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { input, inputOf, openDevice, tune, type Value } from 'sluice'
import { linear, matmul } from 'sluice/ops'
import type { Kernel } from '../lib/device/pipelines.ts'
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

const numbers = (rows: number, columns: number): Value => {
  return { kind: 'float', shape: [rows, columns], data: wave(rows * columns, 1) }
}
const gpuSchedules = ['shared 0', 'shared, 64 by 4 rows 0', 'shared, 64 by 8 rows 0', 'tiles 0']
it('finds that every schedule for GPUs makes the same product, at sizes that fill no tile', async () => {
  const device = await opened(openDevice({ profile: { tuning: 'gpu', imageRows: 0 } }))
  const products = [35, 36].map(k => ({
    name: `over ${k}`,
    of: matmul(inputOf('a', [70, k]), inputOf('b', [k, 68])),
    feeds: { a: numbers(70, k), b: numbers(k, 68) },
  }))
  for (const { candidates } of await opened(tune(device, products))) {
    expect(candidates.map(({ schedule }) => schedule).toSorted()).toEqual(gpuSchedules)
    expect(candidates.filter(({ refused }) => refused !== undefined)).toEqual([])
  }
  device.dispose()
})

it('finds that any number of lanes that share columns of stored weights makes the same product', async () => {
  const device = await opened(openDevice({ profile: { tuning: 'gpu', imageRows: 0 } }))
  const of = linear('layer', 70)(inputOf('x', [3, 2048]))
  const [tuned] = await opened(tune(device, [{ name: 'a layer', of, feeds: { x: numbers(3, 2048) }, storage: 'q4' }]))
  expect(tuned!.candidates.map(({ schedule }) => schedule)).toEqual(
    ['matvec', 'matvec, 64 lanes', 'matvec, 128 lanes'].map(name => `${name} 0`),
  )
  expect(tuned!.candidates.filter(({ refused }) => refused !== undefined)).toEqual([])
  device.dispose()
})

it('refuses a schedule whose kernel is wrong, however fast', async () => {
  const device = await opened(openDevice({ profile: { tuning: 'gpu', imageRows: 0 } }))
  const { get } = device.pipelines
  // the tiles in workgroup memory add nothing up
  const broken = (wgsl: string): string =>
    wgsl.includes('tile_a') ? wgsl.replaceAll(/ = fma\(.*\);/g, ' = vec4f(1.0);') : wgsl
  const damaged = {
    ...device,
    pipelines: { ...device.pipelines, get: (k: Kernel) => get({ ...k, wgsl: broken(k.wgsl) }) },
  }
  const feeds = { a: numbers(70, 36), b: numbers(36, 68) }
  const product = { name: 'a product', of: matmul(input('a', [70, 36]), input('b', [36, 68])), feeds }
  const [tuned] = await opened(tune(damaged, [product]))
  expect(tuned!.chosen).toBe('tiles 0')
  const wrong = tuned!.candidates.filter(({ refused }) => refused !== undefined)
  expect(wrong.map(({ schedule }) => schedule).toSorted()).toEqual(gpuSchedules.slice(0, -1))
  expect(wrong[0]!.refused).toMatch(/^element 0 is 1, should be /)
  device.dispose()
})
