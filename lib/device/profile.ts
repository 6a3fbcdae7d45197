/**
 * Where the time of a run goes: every pass and every copy into an image by itself, from timestamps that the device writes, with the
 * rates that follow from the operations and bytes which lowering counted. Without timestamps each is submitted and waited for, which
 * adds the time of a submit to each.
 */
import { either as E } from 'fp-ts'
import type { SluiceError } from '../errors.ts'
import type { Bindings } from '../interpret/bind.ts'
import type { Device } from './device.ts'
import { encodeSteps, encodeTimed, type Step } from './steps.ts'

export interface PassTime {
  readonly label: string
  /** the block it belongs to */
  readonly path: string
  /** mean over the rounds */
  readonly milliseconds: number
  readonly flops: number
  readonly bytes: number
}
export interface Profile {
  readonly device: string
  readonly sizes: Bindings
  readonly how: 'timestamps' | 'wall time'
  readonly rounds: number
  readonly passes: readonly PassTime[]
  /** sum of the passes */
  readonly milliseconds: number
}
export interface ProfileOptions {
  /** runs to take the mean of; 3 unless said */
  readonly rounds?: number
  readonly signal?: AbortSignal
  /** wait for each pass even where the device has timestamps */
  readonly how?: Profile['how']
}
/** What the device does at best, to compare with: see `sluice doctor`. */
export interface Ceilings {
  readonly gflops: number
  readonly gigabytesPerSecond: number
}

/** Passes in one query set, which holds at most 4096 timestamps. */
const setPasses = 2048

/** Milliseconds of each step in one round, by timestamps. */
const byTimestamps = async (
  device: Device,
  steps: readonly Step[],
  signal: AbortSignal | undefined,
): Promise<E.Either<SluiceError, number[]>> => {
  const { gpu } = device
  const times: number[] = []
  for (let at = 0; at < steps.length; at += setPasses) {
    const part = steps.slice(at, at + setPasses)
    const bytes = 16 * part.length
    const querySet = gpu.createQuerySet({ type: 'timestamp', count: 2 * part.length })
    const resolved = device.allocate('timestamps', bytes, GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC)
    const staging = device.allocate('timestamps', bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST)
    const submitted = await device.guarded('profiling', () => {
      const encoder = gpu.createCommandEncoder()
      for (const [i, step] of part.entries()) {
        encodeTimed(encoder, step, { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 })
      }
      encoder.resolveQuerySet(querySet, 0, 2 * part.length, resolved, 0)
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, bytes)
      device.submit(encoder.finish())
    })
    const ready = E.isLeft(submitted)
      ? submitted
      : await device.settled('profiling', staging.mapAsync(GPUMapMode.READ), signal)
    if (E.isRight(ready)) {
      const stamps = new BigUint64Array(staging.getMappedRange())
      for (let i = 0; i < part.length; i++) times.push(Number(stamps[2 * i + 1]! - stamps[2 * i]!) / 1e6)
    }
    for (const buffer of [resolved, staging]) device.free(buffer)
    querySet.destroy()
    if (E.isLeft(ready)) return ready
  }
  return E.right(times)
}

/** Milliseconds of each step in one round, each submitted and waited for. */
const byWaiting = async (
  device: Device,
  steps: readonly Step[],
  signal: AbortSignal | undefined,
): Promise<E.Either<SluiceError, number[]>> => {
  const times: number[] = []
  for (const step of steps) {
    const start = performance.now()
    const submitted = await device.guarded('profiling', () => {
      const encoder = device.gpu.createCommandEncoder()
      encodeSteps(encoder, [step])
      device.submit(encoder.finish())
    })
    const done = E.isLeft(submitted)
      ? submitted
      : await device.settled('profiling', device.gpu.queue.onSubmittedWorkDone(), signal)
    if (E.isLeft(done)) return done
    times.push(performance.now() - start)
  }
  return E.right(times)
}

/** Times every step. The buffers must hold what a run would find there. */
export const timePasses = async (
  device: Device,
  steps: readonly Step[],
  sizes: Bindings,
  { rounds = 3, signal, how = device.profile.timestamps ? 'timestamps' : 'wall time' }: ProfileOptions,
): Promise<E.Either<SluiceError, Profile>> => {
  const sums = steps.map(() => 0)
  for (let round = 0; round < rounds; round++) {
    const times = await (how === 'timestamps' ? byTimestamps : byWaiting)(device, steps, signal)
    if (E.isLeft(times)) return times
    for (const [i, time] of times.right.entries()) sums[i]! += time
  }
  const passes = steps.map((step, i) => {
    const { flops, bytes } = step
    const { label, path } =
      step.what === 'dispatch' ? step.pass : { label: step.label, path: step.readers[0]?.path ?? '' }
    return { label, path, milliseconds: sums[i]! / rounds, flops, bytes }
  })
  const milliseconds = passes.reduce((sum, p) => sum + p.milliseconds, 0)
  return E.right({ device: device.name, sizes, how, rounds, passes, milliseconds })
}

interface Row {
  readonly name: string
  readonly count: number
  readonly milliseconds: number
  readonly flops: number
  readonly bytes: number
}
const grouped = (passes: readonly PassTime[], nameOf: (pass: PassTime) => string): readonly Row[] => {
  const rows = new Map<string, Row>()
  for (const pass of passes) {
    const name = nameOf(pass)
    const { count, milliseconds, flops, bytes } = rows.get(name) ?? { count: 0, milliseconds: 0, flops: 0, bytes: 0 }
    rows.set(name, {
      name,
      count: count + 1,
      milliseconds: milliseconds + pass.milliseconds,
      flops: flops + pass.flops,
      bytes: bytes + pass.bytes,
    })
  }
  return [...rows.values()].sort((a, b) => b.milliseconds - a.milliseconds)
}
const figure = (n: number): string => (n >= 100 ? n.toFixed(0) : n === 0 ? '0' : n.toPrecision(3))
/** Rates of work over time; nothing where no time was seen. */
const rate = (amount: number, milliseconds: number): string =>
  milliseconds > 0 ? figure(amount / milliseconds / 1e6) : '-'
const share = (part: number, whole: number): string => (whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : '-')

/** The profile as a table, the slowest first: kernels of one name together, or blocks, or every pass. */
export const formatProfile = (
  profile: Profile,
  { by = 'kernel', ceilings }: { readonly by?: 'kernel' | 'block' | 'pass'; readonly ceilings?: Ceilings } = {},
): string => {
  const names = {
    kernel: (p: PassTime) => p.label,
    block: (p: PassTime) => p.path || '(top)',
    pass: (p: PassTime) => [p.path, p.label].filter(text => text !== '').join(': '),
  }
  const rows = grouped(profile.passes, names[by])
  const reached = ({ flops, bytes, milliseconds }: Row, best: Ceilings): string => {
    const parts = [flops / 1e6 / milliseconds / best.gflops, bytes / 1e6 / milliseconds / best.gigabytesPerSecond]
    return milliseconds > 0 ? `${(100 * Math.max(...parts)).toFixed(0)} %` : '-'
  }
  const cells = (row: Row): readonly string[] => [
    row.name,
    `${row.count}`,
    figure(row.milliseconds),
    share(row.milliseconds, profile.milliseconds),
    rate(row.flops, row.milliseconds),
    rate(row.bytes, row.milliseconds),
    ...(ceilings === undefined ? [] : [reached(row, ceilings)]),
  ]
  const total = { count: 0, milliseconds: 0, flops: 0, bytes: 0 }
  for (const row of rows) for (const key of ['count', 'milliseconds', 'flops', 'bytes'] as const) total[key] += row[key]
  const head = [by, 'passes', 'ms', 'share', 'GFLOP/s', 'GB/s', ...(ceilings === undefined ? [] : ['of best'])]
  const lines = [head, ...rows.map(cells), cells({ name: 'all', ...total })]
  const widths = head.map((_, k) => Math.max(...lines.map(line => line[k]!.length)))
  const printed = lines.map(line =>
    line.map((cell, k) => (k === 0 ? cell.padEnd(widths[k]!) : cell.padStart(widths[k]!))).join('  '),
  )
  const sizes = Object.entries(profile.sizes).map(([name, n]) => `, ${name} = ${n}`)
  const rounds = profile.rounds === 1 ? '1 round' : `mean of ${profile.rounds} rounds`
  return [`${profile.device}${sizes.join('')}: ${profile.how}, ${rounds}`, ...printed].join('\n')
}
