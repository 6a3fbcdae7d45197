/** Measured choices: taken where they fit, refused where a result differs, and read from a file that may be broken. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { either as E } from 'fp-ts'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { input, inputOf, lower, openDevice, pipe, tune, writeTuned, type Value } from 'sluice'
import { linear } from 'sluice/ops'
import { platform } from '../../lib/node/platform.ts'
import { choiceOf, race, refusalOf } from '../../lib/device/tune.ts'
import { profiles, refused } from '../compile/profiles.ts'
import { opened } from './stored-weights.ts'

const product = pipe(input('x', [577, 1024]), linear('layer', 1024))
const kernel = (choose?: (products: string, fitting: readonly string[]) => string | undefined): string =>
  lower(product, { profile: { ...profiles.gpu, ...(choose === undefined ? {} : { choose }) } }).passes[0]!.wgsl

describe('a choice', () => {
  it('is that of the estimate where nothing was measured, or where what was measured does not fit', () => {
    expect(kernel(() => undefined)).toBe(kernel())
    expect(kernel(() => 'panels 0')).toBe(kernel())
    expect(kernel((_, [first]) => first)).toBe(kernel())
  })
  it('is what was measured where it fits', async () => {
    expect(kernel(() => 'shared, 64 by 4 rows 0')).toContain('@workgroup_size(256)')
    expect(kernel(() => 'shared, 64 by 8 rows 0')).toContain('@workgroup_size(128)')
    for (const schedule of ['shared, 64 by 4 rows 0', 'shared, 64 by 8 rows 0'])
      expect(await refused(lower(product, { profile: { ...profiles.gpu, choose: () => schedule } }))).toEqual([])
  })
  it('is asked for by the class of the product, which sizes nearby share', () => {
    const classOf = (rows: number, columns: number): string => {
      let seen = ''
      const choose = (products: string): undefined => void (seen = products)
      lower(pipe(inputOf('x', [rows, 1024]), linear('layer', columns)), { profile: { ...profiles.gpu, choose } })
      return seen
    }
    expect(classOf(577, 1024)).toBe(classOf(600, 1100))
    expect(classOf(577, 1024)).not.toBe(classOf(577, 4096))
    expect(classOf(577, 1024)).not.toBe(classOf(577, 1023))
  })
})

describe('of what was measured', () => {
  const slow = { schedule: 'slow', milliseconds: 10 }
  it('the fastest is chosen, where it is clearly faster than the estimate', () => {
    expect(choiceOf([slow, { schedule: 'a', milliseconds: 8 }, { schedule: 'b', milliseconds: 7 }])).toBe('b')
    expect(choiceOf([slow, { schedule: 'a', milliseconds: 9.7 }])).toBe('slow')
  })
  it("all take turns, so that a clock that changes meanwhile is nobody's loss", async () => {
    // a device that wakes up: slow in the first round, then twice as fast with every round
    let calls = 0
    const taking = (work: number) => () => {
      const round = Math.floor(calls++ / 3)
      return Promise.resolve(E.right(work * (round === 0 ? 50 : 2 ** -round)))
    }
    const raced = await race([taking(10), taking(8), taking(12)])
    if (E.isLeft(raced)) throw new Error('expected times')
    const [first, quick, slow] = raced.right as [number, number, number]
    expect([quick / first, slow / first]).toEqual([0.8, 1.2])
  })
  it('one that takes several times as long is timed once, after a round that does not count', async () => {
    const counts: [number, number] = [0, 0]
    const taking = (k: 0 | 1, ms: number) => () => {
      counts[k]++
      return Promise.resolve(E.right(ms))
    }
    expect(await race([taking(0, 1), taking(1, 4)])).toEqual(E.right([1, 4]))
    expect(counts).toEqual([6, 2])
  })
  it('a wrong result is never chosen', () => {
    expect(choiceOf([slow, { schedule: 'wrong', milliseconds: 1, refused: 'differs' }])).toBe('slow')
    const wanted: Value = { kind: 'float', shape: [2], data: Float32Array.of(1, 2) }
    const off = (by: number): Value => ({ ...wanted, data: Float32Array.of(1, 2 + by) })
    expect(refusalOf(off(1e-5), wanted)).toBeUndefined()
    expect(refusalOf(off(1e-3), wanted)).toMatch(/^element 1 .* off by 0.00099/)
  })
})

it('is not measured where a device has no timestamps', async () => {
  const device = await opened(openDevice({ profile: { timestamps: false } }))
  expect(await opened(tune(device, [{ name: 'a layer', of: product, feeds: {} }]))).toEqual([])
  device.dispose()
})

describe('the file of an adapter', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-tuned-'))
    vi.stubEnv('XDG_CACHE_HOME', folder)
    vi.stubEnv('SLUICE_TUNED', '')
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
    rmSync(folder, { recursive: true, force: true })
  })
  const choiceOn = async (tuned?: false): Promise<string | undefined> => {
    const device = await opened(openDevice(tuned === undefined ? {} : { tuned }))
    device.dispose()
    return device.profile.choose?.('some products', [])
  }
  const written = async (): Promise<string> => {
    const device = await opened(openDevice())
    device.dispose()
    return opened(writeTuned(device.gpu.adapterInfo, new Map([['some products', 'panels 0']])))
  }
  it('is read when the adapter is opened, unless that is not wanted', async () => {
    expect(await choiceOn()).toBeUndefined()
    const file = await written()
    expect(dirname(file)).toBe(join(folder, 'sluice/tuned'))
    expect(await choiceOn()).toBe('panels 0')
    expect(await choiceOn(false)).toBeUndefined()
    vi.stubEnv('SLUICE_TUNED', 'off')
    expect(await choiceOn()).toBeUndefined()
  })
  it.each([
    ['broken', '{ "version": 1, "sched'],
    ['of another version', '{ "version": 0, "schedules": { "some products": "panels 0" } }'],
    ['of something else', '{ "version": 1, "schedules": [3] }'],
  ])('is ignored with a note where it is %s', async (_, text) => {
    const note = vi.spyOn(platform, 'note').mockImplementation(() => undefined)
    const file = await written()
    writeFileSync(file, text)
    expect(await choiceOn()).toBeUndefined()
    expect(note).toHaveBeenCalledOnce()
    expect(note.mock.calls[0]![0]).toContain(file)
    expect(note.mock.calls[0]![0]).toContain('Next step: sluice tune')
  })
})
