/** What states and tables hold at first, and states again after a reset. */
import { either as E } from 'fp-ts'
import type { BufferPlan } from '../compile/pass.ts'
import type { SluiceError } from '../errors.ts'
import type { Device } from './device.ts'
import { toBytes } from './numbers.ts'
import type { OwnMemory } from './residence.ts'
import { writeBytes, type Upload } from './upload.ts'

/** States and tables as they are at first. Zeros do not come from the host. */
export const fill = async (
  buffers: readonly BufferPlan[],
  device: Device,
  own: OwnMemory,
  upload: Upload,
): Promise<E.Either<SluiceError, void>> => {
  for (const buffer of buffers) {
    const { holds, storage, label } = buffer
    if (holds.what !== 'state' && holds.what !== 'table') continue
    const place = await device.guarded(`memory for '${label}'`, () => own.get(buffer))
    if (E.isLeft(place)) return place
    const clear = (): void => {
      const encoder = device.gpu.createCommandEncoder()
      encoder.clearBuffer(place.right)
      device.submit(encoder.finish())
    }
    const write = (values: readonly number[]): void =>
      writeBytes(device, place.right, 0, toBytes(Float64Array.from(values), storage))
    const filled =
      holds.what === 'table'
        ? await device.guarded(label, () => write(holds.values))
        : holds.source.init?.init === 'zeros'
          ? await device.guarded(label, clear)
          : await upload(buffer, place.right, holds.source, 'initial')()
    if (E.isLeft(filled)) return filled
  }
  return E.right(undefined)
}
