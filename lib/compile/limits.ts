/** What a device allows, and the sentences that say what of a program exceeds it. */
import { deviceError, type DeviceError } from '../errors.ts'
import type { Bindings } from '../interpret/bind.ts'
import type { Dim } from '../shape/index.ts'
import { foldGrid } from './grid.ts'
import { imageRowsFor, imagesOf } from './images.ts'
import { boundBuffers, bytesFor } from './lives.ts'
import { storageBytes, type BufferPlan, type DeviceProfile, type Lowered, type Operand, type Pass } from './pass.ts'

const bytesNames = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const
/** `134217728` as `128 MiB`. */
export const showBytes = (bytes: number): string => {
  const power = bytes < 1 ? 0 : Math.min(bytesNames.length - 1, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1).replace(/\.0$/, '')} ${bytesNames[power]}`
}
/** Named sizes and their numbers. */
export const showSizes = (sizes: Bindings): string =>
  Object.entries(sizes)
    .map(([name, n]) => `${name} = ${n}`)
    .join(', ')
const smaller = 'Next step: give smaller inputs, store weights in fewer bits, or run on an adapter with higher limits.'
const exceeded = (what: string): DeviceError => deviceError('limit', `${what}. ${smaller}`)

/** the number of a size */
type NumberOf = (d: Dim) => number
/** Something that must hold: the sizes it depends on, and the error where it does not. */
interface Condition {
  readonly sizes: readonly Dim[]
  readonly broken: (n: NumberOf) => DeviceError | undefined
}

const ofBuffer = (buffer: BufferPlan, { maxBuffer }: DeviceProfile): Condition => ({
  sizes: [buffer.elements],
  broken: n => {
    const bytes = bytesFor(buffer, n(buffer.elements))
    if (bytes <= maxBuffer) return undefined
    const most = `a buffer of this adapter holds ${showBytes(maxBuffer)} at most`
    return exceeded(`'${buffer.label}' needs ${showBytes(bytes)}, but ${most}`)
  },
})
const ofImage = (buffer: BufferPlan, { imageRows }: DeviceProfile): Condition => ({
  sizes: [buffer.elements],
  broken: n => {
    const rows = imageRowsFor(bytesFor(buffer, n(buffer.elements)))
    if (rows <= imageRows) return undefined
    return exceeded(`'${buffer.label}' needs an image of ${rows} rows, but this adapter allows ${imageRows}`)
  },
})
const ofBinding = (pass: Pass, operand: Operand, { maxBinding, offsetAlignment }: DeviceProfile): Condition => {
  const { buffer, slice } = operand
  const { first, count } = slice ?? { first: 0, count: buffer.elements }
  return {
    sizes: [first, count],
    broken: n => {
      const bytes = bytesFor(buffer, n(count))
      const start = n(first) * storageBytes[buffer.storage]
      if (bytes <= maxBinding && start % offsetAlignment === 0) return undefined
      const most = `this adapter binds ${showBytes(maxBinding)} at most`
      const why =
        bytes > maxBinding
          ? `needs ${showBytes(bytes)} in one binding, but ${most}`
          : `starts at byte ${start}, not at a multiple of ${offsetAlignment}`
      return exceeded(`'${buffer.label}' in ${pass.label} ${why}`)
    },
  }
}
const ofGrid = (pass: Pass, { maxWorkgroupsPerDimension: most }: DeviceProfile): Condition => ({
  sizes: pass.grid,
  broken: n => {
    const [x, y, z] = pass.grid
    const workgroups = Math.max(...foldGrid([n(x), n(y), n(z)], most))
    if (workgroups <= most) return undefined
    const where = `${pass.label} at '${pass.path}'`
    return exceeded(`${where} needs ${workgroups} workgroups in one direction, but this adapter allows ${most}`)
  },
})
const ofBuffers = (pass: Pass, { maxStorageBuffers: most }: DeviceProfile): Condition => ({
  sizes: [],
  broken: () => {
    const bound = boundBuffers(pass).length
    if (bound <= most) return undefined
    return exceeded(`${pass.label} at '${pass.path}' binds ${bound} storage buffers, but this adapter allows ${most}`)
  },
})

export interface Limits {
  /** what no choice of named sizes can mend: a weight too large to bind, a kernel with too many buffers */
  readonly always: DeviceError | undefined
  /** what is wrong with one choice of them */
  readonly of: (n: NumberOf) => DeviceError | undefined
}
/** Places in pools begin at multiples of every alignment, so what is read whole may lie anywhere. */
export const limitsOf = ({ buffers, prepare, passes }: Lowered, profile: DeviceProfile): Limits => {
  const every = [...prepare, ...passes]
  // a whole buffer is bound alike by all
  const bound = new Map<unknown, Condition>()
  for (const pass of every)
    for (const operand of boundBuffers(pass))
      bound.set(operand.slice === undefined ? operand.buffer.id : operand, ofBinding(pass, operand, profile))
  const conditions: readonly Condition[] = [
    ...every.map(pass => ofBuffers(pass, profile)),
    ...buffers.map(buffer => ofBuffer(buffer, profile)),
    ...bound.values(),
    ...every.map(pass => ofGrid(pass, profile)),
    ...imagesOf(passes).map(({ buffer }) => ofImage(buffer, profile)),
  ]
  const isOpen = ({ sizes }: Condition): boolean => sizes.some(d => typeof d === 'string')
  const open = conditions.filter(isOpen)
  const firstOf = (list: readonly Condition[], n: NumberOf): DeviceError | undefined => {
    for (const { broken } of list) {
      const error = broken(n)
      if (error !== undefined) return error
    }
    return undefined
  }
  return {
    always: firstOf(
      conditions.filter(c => !isOpen(c)),
      Number,
    ),
    of: n => firstOf(open, n),
  }
}
