/**
 * Results on their way to the host: all of them are copied into one staging buffer by the last submit of a run, and mapped once.
 * Every run under way has a staging buffer of its own. They are kept for the runs that follow, and grow.
 */
import { either as E } from 'fp-ts'
import type { SluiceError } from '../errors.ts'
import type { Device } from './device.ts'

/** Bytes of a device buffer that are wanted. */
export interface Wanted {
  readonly buffer: GPUBuffer
  readonly offset: number
  /** a multiple of 4 */
  readonly bytes: number
}
/** The results of one run. */
export interface Results {
  /** Says what is wanted, and makes room for it; call it within `guarded`. */
  readonly makeRoom: (wanted: readonly Wanted[]) => void
  /** Encodes the copies. */
  readonly copy: (encoder: GPUCommandEncoder) => void
  /** After the submit: the bytes of each, copied. */
  readonly bytes: (what: string, signal?: AbortSignal) => Promise<E.Either<SluiceError, readonly ArrayBuffer[]>>
  /** After a submit that failed, or where a run ends before its last: nothing comes. */
  readonly drop: () => void
}
export interface ReadBack {
  readonly next: () => Results
  readonly dispose: () => void
}

export const readBack = (device: Device): ReadBack => {
  const idle: GPUBuffer[] = []
  const busy = new Set<GPUBuffer>()
  const roomFor = (bytes: number): GPUBuffer => {
    // where none is large enough, the last grows
    const [known] = idle.splice(
      idle.findLastIndex(({ size }) => size >= bytes),
      1,
    )
    const fits = known !== undefined && known.size >= bytes
    if (known !== undefined && !fits) device.free(known)
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST
    const staging = fits ? known : device.allocate('read-back', bytes, usage)
    busy.add(staging)
    return staging
  }
  const next = (): Results => {
    let staging: GPUBuffer | undefined
    let all: readonly Wanted[] = []
    const total = (): number => all.reduce((sum, { bytes }) => sum + bytes, 0)
    const split = (range: ArrayBuffer): readonly ArrayBuffer[] => {
      let at = 0
      return all.map(({ bytes }) => range.slice(at, (at += bytes)))
    }
    const drop = (): void => {
      if (staging !== undefined && busy.delete(staging)) device.free(staging)
    }
    return {
      makeRoom: wanted => {
        all = wanted
        if (total() > 0) staging = roomFor(total())
      },
      copy: encoder => {
        if (staging === undefined) return
        let at = 0
        for (const { buffer, offset, bytes } of all) {
          if (bytes > 0) encoder.copyBufferToBuffer(buffer, offset, staging, at, bytes)
          at += bytes
        }
      },
      bytes: async (what, signal) => {
        if (staging === undefined) {
          const done = await device.settled(what, device.gpu.queue.onSubmittedWorkDone(), signal)
          return E.map(() => split(new ArrayBuffer(0)))(done)
        }
        const parts = await device.mapped(what, staging, total(), split, signal)
        // one that is still being mapped is of no use to the next run
        if (E.isLeft(parts)) drop()
        else if (busy.delete(staging)) idle.push(staging)
        return parts
      },
      drop,
    }
  }
  return {
    next,
    dispose: () => {
      for (const staging of [...idle, ...busy]) device.free(staging)
      idle.length = 0
      busy.clear()
    },
  }
}
