/**
 * Weights on their way to the device. All names and shapes are checked before a byte is read, and everything that does not fit is told
 * together. Then one tensor at a time is read, in pieces where it is large, so that the host never holds a model.
 */
import { either as E, taskEither as TE } from 'fp-ts'
import { storageBytes, type BufferPlan } from '../compile/pass.ts'
import { fileError, several, type Door, type SluiceError } from '../errors.ts'
import { countOf, initialValues, type Numbers, type Source, type Value } from '../graph/index.ts'
import type { Device } from './device.ts'
import { toBytes } from './numbers.ts'

/** A tensor whose numbers are read when asked for, such as an entry of a weight file. */
export interface LazyTensor {
  readonly shape: readonly number[]
  readonly read: Door<Float32Array | Int32Array>
  /** `count` numbers from element `first`: lets a tensor larger than memory through */
  readonly readRange?: (first: number, count: number) => Door<Float32Array | Int32Array>
  /** for messages */
  readonly file?: string
}
/** Weights by full name: a Map of values, or the tensors of a file. */
export interface WeightSource {
  readonly get: (name: string) => Value | LazyTensor | undefined
}
export interface InitialOptions {
  /** whether weights that are missing take their initial values; otherwise they are an error */
  readonly allowInitial?: boolean
  /** of the initial values */
  readonly seed?: number
}

type Stored = Value | LazyTensor | 'initial'
/** Which numbers every parameter gets. */
export type Assignment = ReadonlyMap<Source, Stored>

const show = (shape: readonly unknown[]): string => `[${shape.join(', ')}]`
const table = (rows: readonly (readonly [string, string, string])[]): string => {
  const widths = [0, 1].map(k => Math.max(...rows.map(row => row[k]!.length)))
  return rows.map(row => `\n  ${row[0].padEnd(widths[0]!)}   needs ${row[1].padEnd(widths[1]!)}   ${row[2]}`).join('')
}

/** Finds a tensor for every parameter. Errors: `missing tensor` and `tensor shape`, each with all of them. */
export const assign = (
  parameters: readonly Source[],
  weights: WeightSource,
  { allowInitial = false }: InitialOptions,
): E.Either<SluiceError, Assignment> => {
  const assignment = new Map<Source, Stored>()
  const missing: (readonly [string, string, string])[] = []
  const misfits: (readonly [string, string, string])[] = []
  const files = new Set<string>()
  for (const source of parameters) {
    const stored = weights.get(source.name)
    if (stored !== undefined && 'file' in stored && stored.file !== undefined) files.add(stored.file)
    if (stored === undefined && !allowInitial) missing.push([source.name, show(source.shape), 'missing'])
    else if (stored !== undefined && show(stored.shape) !== show(source.shape))
      misfits.push([source.name, show(source.shape), `has ${show(stored.shape)}`])
    else assignment.set(source, stored ?? 'initial')
  }
  const from = [...files].join(', ') || 'the weights'
  const count = (n: number): string => `${n} of ${parameters.length} tensors`
  const errors = [
    ...(missing.length > 0
      ? [fileError('missing tensor', from, `lacks ${count(missing.length)} that the model needs:${table(missing)}`)]
      : []),
    ...(misfits.length > 0
      ? [
          fileError(
            'tensor shape',
            from,
            `${count(misfits.length)} have another shape than the model's:${table(misfits)}`,
          ),
        ]
      : []),
  ]
  const [first, ...rest] = errors
  return first === undefined ? E.right(assignment) : E.left(several([first, ...rest]))
}

/** Numbers read at a time, and bytes written before the device is waited for: staging memory is held until then. */
const pieceElements = 2 ** 23
const waitBytes = 2 ** 28

/** Writes bytes to the start of a buffer in pieces of at most 32 MiB. */
export const writeBytes = (device: Device, buffer: GPUBuffer, offset: number, bytes: Uint8Array<ArrayBuffer>): void => {
  const piece = 4 * pieceElements
  for (let at = 0; at < bytes.length; at += piece)
    device.gpu.queue.writeBuffer(buffer, offset + at, bytes.subarray(at, Math.min(bytes.length, at + piece)))
}

/** Puts the numbers of a parameter or a state into its buffer. */
export type Upload = (plan: BufferPlan, buffer: GPUBuffer, source: Source, stored: Stored) => Door<void>
export const uploader = (device: Device, seed: number, signal?: AbortSignal): Upload => {
  let unsent = 0
  const send = async (
    plan: BufferPlan,
    buffer: GPUBuffer,
    at: number,
    numbers: Numbers,
  ): Promise<E.Either<SluiceError, void>> => {
    const what = `loading '${plan.label}'`
    const bytes = toBytes(numbers, plan.storage)
    const offset = at * storageBytes[plan.storage]
    const written = await device.guarded(what, () => writeBytes(device, buffer, offset, bytes))
    unsent += bytes.length
    if (E.isLeft(written) || unsent < waitBytes) return written
    unsent = 0
    return E.map(() => undefined)(await device.settled(what, device.gpu.queue.onSubmittedWorkDone(), signal))
  }
  return (plan, buffer, source, stored) => async () => {
    const shape = source.shape.map(Number)
    const count = countOf(shape)
    if (stored === 'initial')
      return send(plan, buffer, 0, initialValues(source.init ?? { init: 'zeros' }, source.name, shape, seed))
    if ('data' in stored) return send(plan, buffer, 0, stored.data)
    const { read, readRange = () => read } = stored
    const step = stored.readRange === undefined ? count : pieceElements
    for (let at = 0; at < count; at += step) {
      const wanted = Math.min(step, count - at)
      const numbers = await readRange(at, wanted)()
      if (E.isLeft(numbers)) return numbers
      if (numbers.right.length !== wanted) {
        const why = `gives ${numbers.right.length} numbers of '${source.name}' where ${wanted} are due`
        return E.left(fileError('format', stored.file ?? 'the weights', why))
      }
      const sent = await send(plan, buffer, at, numbers.right)
      if (E.isLeft(sent)) return sent
    }
    return TE.right(undefined)()
  }
}
