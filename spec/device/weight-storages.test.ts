/**
 * Weights stored in halves, 8 bits or 4 bits: what a program keeps of them and how, and that its kernels are valid everywhere. That they
 * compute with these numbers is a slow test, since every size compiles kernels of its own.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compile, indexInput, inputOf, loosely, lower, param, scope, value, type Device, type Loose } from 'sluice'
import * as ops from 'sluice/ops'
import { inLessMemory } from '../../lib/device/less-memory.ts'
import { profiles, refused } from '../compile/profiles.ts'
import { distance, linear, opened, openKinds, rounded, storages, wantedOf, wave } from './stored-weights.ts'

let devices: ReadonlyMap<string, Device>
beforeAll(async () => {
  devices = await openKinds()
})
afterAll(() => {
  for (const device of devices.values()) device.dispose()
})

describe('a product', () => {
  it('keeps one copy of the weights for one row and for many', async () => {
    for (const storage of ['f16', 'q8', 'q4'] as const) {
      const { buffers, passes } = lower(linear(inputOf('x', ['rows', 256]) as Loose, 512), {
        profile: profiles.lavapipe,
        weights: storage,
      })
      expect(passes.map(({ when }) => when)).toEqual([
        { size: 'rows', least: 5 },
        { size: 'rows', most: 4 },
      ])
      const read = passes.map(({ reads }) => reads.find(o => o.buffer.holds.what === 'prepared')!.buffer)
      expect(new Set(read).size).toBe(1)
      expect(buffers.filter(b => b.holds.what === 'prepared')).toHaveLength(1)
      expect(read[0]!.storage).toBe(storage)
    }
  })
})

describe('what products do not read', () => {
  const ids = indexInput('ids', ['n'])
  const table = param('table', [300, 96])
  const feeds = { ids: value([4], [7, 299, 0, 123], 'index') }
  it('is halves where it is a table, in windows where it is large, and f32 where it is a vector', async () => {
    const graph = ops.add(ops.take(0)(table, ids), param('shift', [96])) as Loose
    const weights = new Map([
      ['table', value([300, 96], rounded(wave(300 * 96, 4), 96, 'f16'))],
      ['shift', value([96], wave(96, 6))],
    ])
    for (const kind of ['own', 'narrow'] as const) {
      const program = await opened(compile(graph, { weights, storage: 'q4', device: devices.get(kind)! }))
      expect(program.lowered.buffers.filter(b => b.holds.what === 'parameter').map(b => b.storage)).toEqual([
        'f16',
        'f32',
      ])
      const { output } = await opened(program.run(feeds))
      expect(distance(output!, wantedOf(graph, feeds, weights))).toBeLessThanOrEqual(1)
      program.dispose()
    }
  })
  it('does not change what products are made from', () => {
    const tied = scope('tied', (x: Loose) => loosely(ops.einsum)('n k, v k -> n v')(x, table))(
      ops.take(0)(table, ids) as Loose,
    )
    const { buffers } = lower(tied, { profile: profiles.lavapipe, weights: 'q8' })
    expect(buffers.flatMap(b => (b.label === 'table' ? [b.storage] : []))).toEqual(['f16'])
    expect(buffers.flatMap(b => (b.holds.what === 'prepared' ? [b.storage] : []))).toEqual(['q8'])
  })
})

describe('kernels', () => {
  const graph = linear(inputOf('x', ['rows', 200]) as Loose, 72)
  for (const tuning of ['lavapipe', 'swiftshader', 'gpu'] as const)
    for (const weights of storages)
      it(`are valid WGSL, ${weights}, ${tuning}`, async () => {
        expect(await refused(lower(graph, { profile: profiles[tuning], weights }))).toEqual([])
      })
  it('serve one row by the lanes that were measured for it, also where rows have a name', () => {
    const profile = {
      ...profiles.gpu,
      choose: (_: string, fitting: readonly string[]) => fitting.find(name => name === 'matvec, 64 lanes 0'),
    }
    const fewRows = (rows: number | 'rows') =>
      lower(linear(inputOf('x', [rows, 4096]) as Loose, 4096), { profile, weights: 'f16' }).passes.at(-1)!.wgsl
    for (const rows of [1, 'rows'] as const) expect(fewRows(rows)).toContain('@workgroup_size(64)')
  })
  it('keep a GPU busy by more lanes where there are fewer columns', () => {
    const lanes = (n: number) =>
      /@workgroup_size\((\d+)\)/.exec(
        lower(linear(inputOf('x', ['rows', 4096]) as Loose, n), {
          profile: { ...profiles.gpu, maxInvocations: 1024, maxBinding: 2 ** 30 },
          weights: 'f16',
        }).passes.at(-1)!.wgsl,
      )![1]
    expect([1024, 4096, 11_008, 32_000].map(lanes)).toEqual(['512', '512', '256', '128'])
  })
  for (const tuning of ['lavapipe', 'gpu'] as const)
    it(`read as if written by hand, ${tuning}`, () => {
      const { prepare, passes } = lower(graph, { profile: profiles[tuning], weights: 'q4' })
      expect(
        [...prepare, ...passes].map(p => `// ${p.label}: [${p.grid.join(', ')}]\n${p.wgsl}`).join('\n'),
      ).toMatchSnapshot()
    })
})

describe('a program that does not fit', () => {
  it('names the storages in which it would need less, and what they need', () => {
    const { buffers } = lower(linear(inputOf('x', ['rows', 256]) as Loose, 512), {
      profile: profiles.lavapipe,
      weights: 'f16',
    })
    const isKept = ({ holds }: (typeof buffers)[number]): boolean => holds.what === 'prepared'
    const [weights, others] = [256 * 512, 1000]
    expect(inLessMemory({ buffers }, 2 * weights + others, isKept)).toEqual([
      { storage: 'q8', bytes: (17 / 16) * weights + others },
      { storage: 'q4', bytes: (9 / 16) * weights + others },
    ])
  })
})
