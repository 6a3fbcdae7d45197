/**
 * A device: what Sluice asks of WebGPU, with every failure as a value. Buffers and submits are counted, pipelines are made once for
 * each WGSL text, and when the device is lost every later call says so instead of waiting for ever.
 *
 * WebGPU reports errors through scopes on a stack that all users of a device share, so a scope is opened and closed around
 * synchronous work only (`guarded`).
 */
/// <reference types="@webgpu/types" preserve="true" />
import { platform } from '#platform'
import { either as E, taskEither as TE } from 'fp-ts'
import { imageRowBytes, imageWidth, type ImageFormat } from '../compile/images.ts'
import { showBytes } from '../compile/limits.ts'
import type { DeviceProfile } from '../compile/pass.ts'
import { deviceError, interrupted, type DeviceError, type Door, type SluiceError } from '../errors.ts'
import type { Stored } from './less-memory.ts'
import { pipelineCache, type PipelineCache } from './pipelines.ts'
import { patiently } from './wait.ts'

export interface DeviceOptions {
  /** a device of your own, such as one that a page already draws with; `dispose` leaves it alone */
  readonly device?: GPUDevice
  /** another adapter than the platform's choice; it must be fresh */
  readonly adapter?: GPUAdapter
  /** what to tell kernels of the device, where it should differ from what the device says */
  readonly profile?: Partial<DeviceProfile>
  /** false: kernels are chosen by estimates, also where `sluice tune` has measured */
  readonly tuned?: boolean
}

/** What a device holds and has done. */
export interface DeviceCounters {
  readonly pipelines: number
  readonly submits: number
  /** bytes that programs have read back */
  readonly readBack: number
  /** buffers and images alive, and their bytes */
  readonly buffers: number
  readonly bytes: number
}

/** A device to compile for and run on. */
export interface Device {
  readonly gpu: GPUDevice
  /** for people: 'llvmpipe (LLVM 15.0.6, 256 bits)' */
  readonly name: string
  readonly profile: DeviceProfile
  readonly counters: () => DeviceCounters
  readonly pipelines: PipelineCache
  /** why the device cannot be used any more */
  readonly lost: () => DeviceError | undefined
  /** Memory; call it within `guarded`, and `free` it. */
  readonly allocate: (label: string, bytes: number, usage: GPUBufferUsageFlags) => GPUBuffer
  /** An image of so many rows (lib/compile/images.ts); call it within `guarded`. */
  readonly allocateImage: (label: string, rows: number, format: ImageFormat) => GPUTexture
  readonly free: (memory: GPUBuffer | GPUTexture) => void
  /** Why so many bytes more cannot be had, as far as that can be known before asking; `less` is what other storages would take. */
  readonly shortage: (what: string, bytes: number, less?: readonly Stored[]) => DeviceError | undefined
  readonly submit: (...commands: readonly GPUCommandBuffer[]) => void
  /** Synchronous work on the device, its validation errors and failed allocations as values. */
  readonly guarded: <A>(what: string, work: () => A) => Promise<E.Either<SluiceError, A>>
  /** The answer of a promise of the device; Left when the device is lost or the signal fires first. */
  readonly settled: <A>(what: string, promise: Promise<A>, signal?: AbortSignal) => Promise<E.Either<SluiceError, A>>
  /** What is made of the first bytes of a staging buffer, once they are there. */
  readonly mapped: <A>(
    what: string,
    buffer: GPUBuffer,
    bytes: number,
    use: (range: ArrayBuffer) => A,
    signal?: AbortSignal,
  ) => Promise<E.Either<SluiceError, A>>
  /** Frees all memory and ends the device, unless it was given by the caller. */
  readonly dispose: () => void
}

const wantedFeatures = ['shader-f16', 'subgroups', 'timestamp-query'] as const
const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
] as const

const tuningOf = (info: GPUAdapterInfo): DeviceProfile['tuning'] => {
  const said = `${info.architecture} ${info.device} ${info.description}`
  if (/llvmpipe|lavapipe/i.test(said)) return 'lavapipe'
  return /swiftshader/i.test(said) ? 'swiftshader' : 'gpu'
}
const profileOf = ({ limits, features, adapterInfo }: GPUDevice): DeviceProfile => {
  const { subgroupMinSize = 0, subgroupMaxSize = 0 } = adapterInfo
  return {
    tuning: tuningOf(adapterInfo),
    subgroup: features.has('subgroups') ? [subgroupMinSize, subgroupMaxSize] : [0, 0],
    f16: features.has('shader-f16'),
    timestamps: features.has('timestamp-query'),
    maxInvocations: limits.maxComputeInvocationsPerWorkgroup,
    maxBinding: limits.maxStorageBufferBindingSize,
    maxBuffer: limits.maxBufferSize,
    maxWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
    maxStorageBuffers: limits.maxStorageBuffersPerShaderStage,
    imageRows:
      tuningOf(adapterInfo) === 'lavapipe' && limits.maxTextureDimension2D >= imageWidth
        ? limits.maxTextureDimension2D
        : 0,
    offsetAlignment: Math.max(limits.minStorageBufferOffsetAlignment, limits.minUniformBufferOffsetAlignment),
  }
}

/** The device that an adapter gives, with everything it offers that Sluice can use. */
export const requestDevice = async (adapter: GPUAdapter): Promise<E.Either<DeviceError, GPUDevice>> => {
  try {
    const device = await adapter.requestDevice({
      label: 'sluice',
      requiredFeatures: wantedFeatures.filter(name => adapter.features.has(name)),
      requiredLimits: Object.fromEntries(wantedLimits.map(name => [name, adapter.limits[name]])),
    })
    return E.right(device)
  } catch (error) {
    return E.left(deviceError('no adapter', `the adapter gives no device: ${reason(error)}`))
  }
}

/**
 * A driver in software takes its memory from the host, and where there is none lavapipe ends the process instead of reporting it. What
 * a GPU has cannot be known; there the allocation itself fails.
 */
export const shortageOf = (
  tuning: DeviceProfile['tuning'],
  available: number | undefined,
  what: string,
  bytes: number,
  less: readonly Stored[] = [],
): DeviceError | undefined => {
  if (tuning === 'gpu' || available === undefined || bytes <= available) return undefined
  const found = `${what} needs ${showBytes(bytes)} more, but ${showBytes(available)} are free`
  const fitting = less.find(stored => stored.bytes <= available) ?? less.at(-1)
  const step =
    fitting === undefined
      ? 'Next step: give smaller inputs, or dispose of other programs.'
      : `Next step: compile with { storage: '${fitting.storage}' }, which needs ${showBytes(fitting.bytes)}, or dispose of other programs.`
  return deviceError('out of memory', `not enough memory: ${found}. ${step}`)
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
/** Wraps a device. `own` says that it ends with `dispose`. */
const wrap = (gpu: GPUDevice, own: boolean, override: Partial<DeviceProfile>): Device => {
  const profile = { ...profileOf(gpu), ...override }
  const { adapterInfo: info } = gpu
  const alive = new Map<GPUBuffer | GPUTexture, number>()
  const done = { submits: 0, bytes: 0, readBack: 0 }
  const nap = profile.tuning === 'gpu' ? 0.1 : 1
  let lostBy: DeviceError | undefined
  const waiting = new Set<(error: DeviceError) => void>()
  const lose = (why: string): void => {
    lostBy ??= deviceError('device lost', `${why}. Next step: open a new device`)
    for (const tell of waiting) tell(lostBy)
  }
  void gpu.lost.then(({ reason: cause, message }) => lose(`the device was lost (${cause}: ${message})`))

  // not Promise.race: a promise that outlives the others would keep every one of them in memory
  const settled: Device['settled'] = (what, promise, signal) =>
    patiently(
      new Promise(resolve => {
        const answer = (result: Parameters<typeof resolve>[0]): void => {
          waiting.delete(fail)
          signal?.removeEventListener('abort', stop)
          resolve(result)
        }
        const fail = (error: DeviceError): void => answer(E.left(error))
        const stop = (): void => answer(E.left(interrupted(what)))
        const refuse = (error: unknown): void => fail(lostBy ?? deviceError('shader', `${what}: ${reason(error)}`))
        promise.then(value => answer(E.right(value)), refuse)
        if (lostBy !== undefined) fail(lostBy)
        else if (signal?.aborted === true) stop()
        else {
          waiting.add(fail)
          signal?.addEventListener('abort', stop)
        }
      }),
      nap,
    )
  const guarded: Device['guarded'] = async (what, work) => {
    if (lostBy !== undefined) return E.left(lostBy)
    for (const filter of ['internal', 'out-of-memory', 'validation'] as const) gpu.pushErrorScope(filter)
    const made = E.tryCatch(work, reason)
    const scopes = Promise.all([gpu.popErrorScope(), gpu.popErrorScope(), gpu.popErrorScope()])
    const found = await settled(what, scopes)
    if (E.isLeft(found)) return found
    const [validation, memory, internal] = found.right
    if (memory) {
      const held = `${showBytes(done.bytes)} in ${alive.size} buffers are held`
      const message = `${what}: the device is out of memory (${held}): ${memory.message}`
      return E.left(deviceError('out of memory', message))
    }
    const refused = validation?.message ?? internal?.message
    if (refused !== undefined) return E.left(deviceError('shader', `${what}: the device refuses it: ${refused}`))
    return E.isLeft(made) ? E.left(deviceError('shader', `${what}: ${made.left}`)) : made
  }
  const free: Device['free'] = memory => {
    done.bytes -= alive.get(memory) ?? 0
    alive.delete(memory)
    memory.destroy()
  }
  const hold = <M extends GPUBuffer | GPUTexture>(memory: M, bytes: number): M => {
    alive.set(memory, bytes)
    done.bytes += bytes
    return memory
  }
  const pipelines = pipelineCache(gpu, settled)
  return {
    gpu,
    name: info.description || info.device || info.architecture || info.vendor || 'unnamed adapter',
    profile,
    counters: () => ({ ...done, pipelines: pipelines.count(), buffers: alive.size }),
    pipelines,
    lost: () => lostBy,
    allocate: (label, size, usage) => hold(gpu.createBuffer({ label, size, usage }), size),
    allocateImage: (label, rows, format) => {
      const usage = GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_DST
      return hold(gpu.createTexture({ label, size: [imageWidth, rows], format, usage }), rows * imageRowBytes)
    },
    free,
    shortage: (what, bytes, less) => shortageOf(profile.tuning, platform.availableMemory(), what, bytes, less),
    submit: (...commands) => {
      done.submits++
      gpu.queue.submit(commands)
    },
    guarded,
    settled,
    mapped: async (what, buffer, bytes, use, signal) => {
      const ready = await settled(what, buffer.mapAsync(GPUMapMode.READ, 0, bytes), signal)
      if (E.isLeft(ready)) return ready
      // who frees the buffer may have come first
      return E.tryCatch(
        () => {
          const made = use(buffer.getMappedRange(0, bytes))
          buffer.unmap()
          done.readBack += bytes
          return made
        },
        error => lostBy ?? deviceError('shader', `${what}: ${reason(error)}`),
      )
    },
    dispose: () => {
      lose('the device was disposed of')
      for (const memory of [...alive.keys()]) free(memory)
      if (own) gpu.destroy()
    },
  }
}

/**
 * A device from the given adapter. `openDevice` (run.ts) asks the platform for one.
 * Error `no adapter`: the adapter gives no device, or was used before.
 */
export const deviceOf = (options: DeviceOptions & ({ device: GPUDevice } | { adapter: GPUAdapter })): Door<Device> => {
  const { device, adapter, profile = {} } = options
  if (device !== undefined) return TE.right(wrap(device, false, profile))
  return async () => E.map((made: GPUDevice) => wrap(made, true, profile))(await requestDevice(adapter as GPUAdapter))
}
