/**
 * What a program holds on the device. Weights, states and tables have a buffer or an image each, which stays. Everything that lives
 * within a run shares pools, and its images textures, which grow to the largest plan seen; with them a few plans are kept ready, each
 * with its bind groups, so that a run with sizes that were seen before only encodes.
 */
import { either as E } from 'fp-ts'
import { imageFormat, imageRowBytes, imageRowsFor, type ImageSlot } from '../compile/images.ts'
import type { MemoryPlan, Planner } from '../compile/memory.ts'
import type { BufferPlan, Pass } from '../compile/pass.ts'
import type { SluiceError } from '../errors.ts'
import type { Bindings } from '../interpret/bind.ts'
import type { Device } from './device.ts'
import { dropGroups } from './dropped.ts'
import type { Pipeline } from './pipelines.ts'
import { stepsOf, writeWords, type Step } from './steps.ts'

/** Buffers and images that stay: one for each planned buffer, allocated when first asked for. */
export interface OwnMemory {
  readonly has: (buffer: BufferPlan) => boolean
  /** call it within `guarded` */
  readonly get: (buffer: BufferPlan) => GPUBuffer
  readonly free: (buffer: BufferPlan) => void
  /** its image; call it within `guarded` */
  readonly image: (buffer: BufferPlan) => GPUTexture
  readonly freeImage: (buffer: BufferPlan) => void
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
  /** was a run with these sizes made ready before, and is it still? */
  readonly isReadyFor: (sizes: Bindings) => boolean
  readonly readyFor: (sizes: Bindings) => Promise<E.Either<SluiceError, Ready>>
  /** the buffer that holds a planned one, or shares its memory with it */
  readonly bufferOf: (buffer: BufferPlan, plan: MemoryPlan) => GPUBuffer
  readonly dispose: () => void
}

const usage = (): GPUBufferUsageFlags => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST

export const ownMemory = (device: Device, bytesOf: (buffer: BufferPlan) => number): OwnMemory => {
  const held = new Map<number, GPUBuffer>()
  const images = new Map<number, GPUTexture>()
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
    image: plan => {
      const known = images.get(plan.id)
      if (known !== undefined) return known
      const made = device.allocateImage(
        `image of ${plan.label}`,
        imageRowsFor(bytesOf(plan)),
        imageFormat(plan.storage),
      )
      images.set(plan.id, made)
      return made
    },
    freeImage: ({ id }) => {
      const image = images.get(id)
      if (image !== undefined) device.free(image)
      images.delete(id)
    },
    dispose: () => {
      for (const memory of [...held.values(), ...images.values()]) device.free(memory)
      held.clear()
      images.clear()
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
  let images: GPUTexture[] = []
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
  const growImages = (wanted: readonly ImageSlot[]): void => {
    for (const [i, { rows, format }] of wanted.entries()) {
      const old = images[i]
      if (old !== undefined && old.height >= rows && old.format === format) continue
      const room = old === undefined ? 0 : Math.min(device.profile.imageRows, Math.ceil(old.height * 1.25))
      if (old !== undefined) {
        device.free(old)
        generation++
      }
      images[i] = device.allocateImage(`image ${i}`, Math.max(rows, room), format)
    }
  }
  const imageOf = (buffer: BufferPlan, plan: MemoryPlan): GPUTexture => {
    const image = plan.image[planner.positionOf(buffer)]!
    return image < 0 ? own.image(buffer) : images[image]!
  }
  const bufferOf = (buffer: BufferPlan, plan: MemoryPlan): GPUBuffer => {
    const pool = plan.pool[planner.positionOf(buffer)]!
    return pool < 0 ? own.get(buffer) : pools[pool]!
  }
  const forget = (key: string): void => {
    const { words, steps = [] } = ready.get(key) ?? {}
    if (words !== undefined) device.free(words)
    ready.delete(key)
    dropGroups(steps.length)
  }
  const dispose = (): void => {
    for (const key of [...ready.keys()]) forget(key)
    for (const memory of [...pools, ...images]) device.free(memory)
    pools = []
    images = []
    generation++
  }
  const keyOf = (sizes: Bindings): string => planner.names.map(name => sizes[name]).join()
  const isReadyFor = (sizes: Bindings): boolean => ready.get(keyOf(sizes))?.generation === generation
  const readyFor = async (sizes: Bindings): Promise<E.Either<SluiceError, Ready>> => {
    const key = keyOf(sizes)
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
    const rows = plan.images.reduce((sum, image, i) => sum + Math.max(0, image.rows - (images[i]?.height ?? 0)), 0)
    const short = device.shortage('a run with these sizes', more + rows * imageRowBytes)
    if (short !== undefined) return E.left(short)
    const made = await device.guarded('memory for a run', (): Ready => {
      growPools(plan.pools)
      growImages(plan.images)
      const words = writeWords(device, plan)
      const steps = stepsOf({ device, planner, pipelines, memory: bufferOf, image: imageOf }, passes, plan, words)
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
  return { isReadyFor, readyFor, bufferOf, dispose }
}
