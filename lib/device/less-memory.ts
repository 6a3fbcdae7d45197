/**
 * What a program would take with its weights in fewer bits, for who has too little memory: the weights that products read are counted
 * in every storage, tables that anything else reads in halves, and all the rest as it is.
 */
import type { BufferPlan, Lowered, WeightStorage } from '../compile/pass.ts'
import { storageBytes } from '../compile/pass.ts'

/** A storage of weights and the bytes that a program needs with it. */
export interface Stored {
  readonly storage: WeightStorage
  readonly bytes: number
}

const lessThanPlain = ['f16', 'q8', 'q4'] as const
const isWeight = ({ kind, holds }: BufferPlan): boolean =>
  kind === 'float' && (holds.what === 'prepared' || (holds.what === 'parameter' && isMatrix(holds.source.shape)))
const isMatrix = (shape: readonly unknown[]): boolean => shape.filter(d => d !== 1).length > 1

/** The storages in which a program needs less than `bytes`, the widest first; `kept` are the buffers that stay. */
export const inLessMemory = (
  { buffers }: Pick<Lowered, 'buffers'>,
  bytes: number,
  isKept: (b: BufferPlan) => boolean,
): readonly Stored[] => {
  const weights = buffers.filter(b => isWeight(b) && isKept(b))
  const now = weights.reduce((sum, b) => sum + Number(b.elements) * storageBytes[b.storage], 0)
  const inStorage = (storage: WeightStorage): number =>
    weights.reduce((sum, { elements, holds }) => {
      const each = storageBytes[holds.what === 'parameter' ? 'f16' : storage]
      return sum + Number(elements) * each
    }, 0)
  return lessThanPlain
    .map(storage => ({ storage, bytes: bytes - now + inStorage(storage) }))
    .filter(stored => stored.bytes < 0.95 * bytes)
}
