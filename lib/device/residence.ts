/**
 * What a program holds on the device. Weights, states and tables have a buffer each, which stays. Everything that lives within a run
 * shares pools, which grow to the largest plan seen; with them a few plans are kept ready, each with its bind groups, so that a run
 * with sizes that were seen before only encodes.
 */
import { either as E } from 'fp-ts'
import type { MemoryPlan, Planner } from '../compile/memory.ts'
import type { BufferPlan, Pass } from '../compile/pass.ts'
import type { SluiceError } from '../errors.ts'
import type { Bindings } from '../interpret/bind.ts'
import type { Device } from './device.ts'
import type { Pipeline } from './pipelines.ts'
import { stepsOf, writeWords, type Step } from './steps.ts'

/** Buffers that stay: one for each planned one, allocated when first asked for. */
export interface OwnMemory {
  readonly has: (buffer: BufferPlan) => boolean
  /** call it within `guarded` */
  readonly get: (buffer: BufferPlan) => GPUBuffer
  readonly free: (buffer: BufferPlan) => void
  readonly dispose: () => void
}
/** A plan with everything that is made for it once. */
export interface Ready {
  readonly plan: MemoryPlan
  readonly steps: readonly Step[]
  readonly words: GPUBuffer | undefined
  /** counts how often pools were replaced: bind groups of an earlier generation speak of buffers that are gone */
  readonly generation: number
}
export interface RunMemory {
  readonly readyFor: (sizes: Bindings) => Promise<E.Either<SluiceError, Ready>>
  /** the buffer that holds a planned one, or shares its memory with it */
  readonly bufferOf: (buffer: BufferPlan, plan: MemoryPlan) => GPUBuffer
  readonly dispose: () => void
}

const usage = (): GPUBufferUsageFlags => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST

export const ownMemory = (device: Device, bytesOf: (buffer: BufferPlan) => number): OwnMemory => {
  const held = new Map<number, GPUBuffer>()
  return {
    has: ({ id }) => held.has(id),
    get: plan => {
      const known = held.get(plan.id)
      if (known !== undefined) return known
      const buffer = device.allocate(plan.label, bytesOf(plan), usage())
      held.set(plan.id, buffer)
      return buffer
    },
    free: ({ id }) => {
      const buffer = held.get(id)
      if (buffer !== undefined) device.free(buffer)
      held.delete(id)
    },
    dispose: () => {
      for (const buffer of held.values()) device.free(buffer)
      held.clear()
    },
  }
}

/** Plans kept ready, the latest used. */
const mostReady = 8

export const runMemory = (
  device: Device,
  planner: Planner,
  passes: readonly Pass[],
  pipelines: ReadonlyMap<string, Pipeline>,
  own: OwnMemory,
): RunMemory => {
  let pools: GPUBuffer[] = []
  let generation = 0
  const ready = new Map<string, Ready>()

  const growPools = (wanted: readonly number[]): void => {
    for (const [i, bytes] of wanted.entries()) {
      const old = pools[i]
      if (old !== undefined && old.size >= bytes) continue
      // a pool that grows will grow again: an input that lengthens by one at every run should not allocate at every run
      const room = old === undefined ? 0 : Math.min(device.profile.maxBuffer, 256 * Math.ceil((old.size * 1.25) / 256))
      if (old !== undefined) {
        device.free(old)
        generation++
      }
      pools[i] = device.allocate(`pool ${i}`, Math.max(bytes, room), usage())
    }
  }
  const bufferOf = (buffer: BufferPlan, plan: MemoryPlan): GPUBuffer => {
    const pool = plan.pool[planner.positionOf(buffer)]!
    return pool < 0 ? own.get(buffer) : pools[pool]!
  }
  const forget = (key: string): void => {
    const words = ready.get(key)?.words
    if (words !== undefined) device.free(words)
    ready.delete(key)
  }
  const dispose = (): void => {
    for (const key of [...ready.keys()]) forget(key)
    for (const pool of pools) device.free(pool)
    pools = []
    generation++
  }
  const readyFor = async (sizes: Bindings): Promise<E.Either<SluiceError, Ready>> => {
    const key = planner.names.map(name => sizes[name]).join()
    const known = ready.get(key)
    if (known?.generation === generation) {
      ready.delete(key)
      ready.set(key, known)
      return E.right(known)
    }
    const planned = known === undefined ? planner.plan(sizes) : E.right(known.plan)
    if (E.isLeft(planned)) return planned
    const plan = planned.right
    forget(key)
    const more = plan.pools.reduce((sum, bytes, i) => sum + Math.max(0, bytes - (pools[i]?.size ?? 0)), 0)
    const short = device.shortage('a run with these sizes', more)
    if (short !== undefined) return E.left(short)
    const made = await device.guarded('memory for a run', (): Ready => {
      growPools(plan.pools)
      const words = writeWords(device, plan)
      const steps = stepsOf({ device, planner, pipelines, memory: bufferOf }, passes, plan, words)
      const entry = { plan, steps, words, generation }
      ready.set(key, entry)
      return entry
    })
    if (E.isLeft(made)) {
      dispose()
      return made
    }
    for (const old of [...ready.keys()].slice(0, -mostReady)) forget(old)
    return made
  }
  return { readyFor, bufferOf, dispose }
}
