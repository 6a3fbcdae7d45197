/**
 * Results on their way to the host: all of them are copied into one staging buffer by the last submit of a run, and mapped once.
 * The staging buffer is kept from run to run and grows.
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
export interface ReadBack {
  /** Encodes the copies and makes room for them; call it within `guarded`. */
  readonly copy: (encoder: GPUCommandEncoder, wanted: readonly Wanted[]) => void
  /** After the submit: the bytes of each, copied. */
  readonly bytes: (what: string, signal?: AbortSignal) => Promise<E.Either<SluiceError, readonly ArrayBuffer[]>>
  readonly dispose: () => void
}

export const readBack = (device: Device): ReadBack => {
  let staging: GPUBuffer | undefined
  let lengths: readonly number[] = []
  const dispose = (): void => {
    if (staging !== undefined) device.free(staging)
    staging = undefined
  }
  return {
    copy: (encoder, wanted) => {
      lengths = wanted.map(w => w.bytes)
      const total = lengths.reduce((a, b) => a + b, 0)
      if (staging === undefined || staging.size < total) {
        dispose()
        staging = device.allocate('read-back', Math.max(4, total), GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST)
      }
      let at = 0
      for (const { buffer, offset, bytes } of wanted) {
        if (bytes > 0) encoder.copyBufferToBuffer(buffer, offset, staging, at, bytes)
        at += bytes
      }
    },
    bytes: async (what, signal) => {
      const total = lengths.reduce((a, b) => a + b, 0)
      const split = (range: ArrayBuffer): readonly ArrayBuffer[] => {
        let at = 0
        return lengths.map(length => range.slice(at, (at += length)))
      }
      if (total === 0 || staging === undefined) {
        const done = await device.settled(what, device.gpu.queue.onSubmittedWorkDone(), signal)
        return E.map(() => split(new ArrayBuffer(0)))(done)
      }
      const parts = await device.mapped(what, staging, total, split, signal)
      // still being mapped: the next run must not find it so
      if (E.isLeft(parts)) dispose()
      return parts
    },
    dispose,
  }
}
