/**
 * The memory plan: where every buffer of a program lies, known before anything runs. What lives only within a run (inputs and
 * intermediate results) shares a few large pools; two buffers lie at the same place if their lives do not meet. Largest first, each
 * at the best fitting gap: Pisarchyk & Lee 2020, "Efficient Memory Management for Deep Neural Net Inference".
 *
 * WebGPU forbids one buffer to be read and written in the same dispatch, whatever the offsets, so a pass must write into another pool
 * than those it reads. Lives, neighbours and these conflicts do not depend on sizes and are found once; a plan for new sizes is cheap.
 */
import { either as E } from 'fp-ts'
import type { DeviceError, GraphError } from '../errors.ts'
import type { Bindings } from '../interpret/bind.ts'
import type { Dim } from '../shape/index.ts'
import { imageFormat, imageRowBytes, imageRowsFor, imagesOf, isLasting, slotsFor, type ImageSlot } from './images.ts'
import { limitsOf, showSizes } from './limits.ts'
import {
  boundBuffers,
  bytesFor,
  conflictsOf,
  isPooled,
  livesOf,
  neighboursOf,
  roundUp,
  vector,
  type Lives,
} from './lives.ts'
import { storageBytes, type BufferPlan, type DeviceProfile, type Lowered, type Operand, type Pass } from './pass.ts'
import { placesFor, unit } from './places.ts'
import { sizeTable } from './sizes.ts'

/** Bytes by what they are for. */
export interface MemoryBytes {
  /** weights as they were loaded, those that passes still read */
  readonly weights: number
  /** weights packed or folded for the kernels */
  readonly prepared: number
  readonly states: number
  readonly tables: number
  /** the pools: inputs and everything that lives within a run */
  readonly work: number
  /** images of what lives within a run; those of weights are counted with the packed weights */
  readonly images: number
  /** what goes to and from the host at every run: read-back and named sizes */
  readonly transfer: number
  readonly total: number
}
/** Where things lie for one choice of named sizes. Arrays are indexed by the position of a buffer in `Lowered.buffers`. */
export interface MemoryPlan {
  readonly sizes: Bindings
  /** bytes of every pool */
  readonly pools: readonly number[]
  /** pool of a buffer, or -1 where it has memory of its own */
  readonly pool: Int32Array
  /** bytes from the start of the pool */
  readonly offset: Float64Array
  /** images that are copied within a run, and which of them holds a buffer: -1 where none does */
  readonly images: readonly ImageSlot[]
  readonly image: Int32Array
  /** rounded up to whole vectors, never 0 */
  readonly bytes: Float64Array
  /** words of all uniform blocks, each block at a multiple of the offset alignment */
  readonly words: Int32Array
  readonly memory: MemoryBytes
  /** most bytes in use at one moment: no plan of the pools can be smaller */
  readonly live: number
  /** bytes of the pools without reuse */
  readonly unshared: number
  /** every size that the program mentions, for `Planner.valueOf` */
  readonly values: Float64Array
}
/** Where an operand of a pass lies: bytes from the start of its pool, or of its own memory. */
export interface Region {
  readonly offset: number
  readonly bytes: number
}
export interface Planner {
  /** named sizes that the program depends on */
  readonly names: readonly string[]
  readonly plan: (sizes: Bindings) => E.Either<DeviceError | GraphError, MemoryPlan>
  /** what no choice of named sizes can mend: a weight too large to bind, a kernel with too many buffers */
  readonly refusal: DeviceError | undefined
  /** position of a buffer in `Lowered.buffers` */
  readonly positionOf: (buffer: BufferPlan) => number
  /** whether the content is needed after `prepare`: weights that were only packed can be freed */
  readonly isKept: (buffer: BufferPlan) => boolean
  /** the number of a size that the program mentions */
  readonly valueOf: (size: Dim, plan: MemoryPlan) => number
  readonly region: (operand: Operand, plan: MemoryPlan) => Region
  /** where the words of a pass lie in `words`, in bytes; undefined where it has none */
  readonly uniform: (pass: Pass) => Region | undefined
}

/** Reads a program once; then gives plans for any choice of sizes in about a millisecond, for a thousand passes. */
export const memoryPlanner = (lowered: Lowered, profile: DeviceProfile): Planner => {
  const { buffers, prepare, passes, outputs } = lowered
  const positions = new Map(buffers.map((b, i) => [b.id, i]))
  const positionOf = (b: BufferPlan): number => {
    const position = positions.get(b.id)
    if (position === undefined) throw new RangeError(`buffer '${b.label}' is not among those of the program`)
    return position
  }
  const pooled = buffers.flatMap((b, i) => (isPooled(b) ? [i] : []))
  const lives = livesOf(lowered, positionOf)
  const neighbours = neighboursOf(pooled, buffers.length, lives)
  const conflicts = conflictsOf(lowered, positionOf)
  const limits = limitsOf(lowered, profile)
  const passing = imagesOf(passes).flatMap(image =>
    isLasting(image.buffer) ? [] : [{ ...image, position: positionOf(image.buffer) }],
  )
  const isKept = keptBy(lowered)
  const amounts = amountsOf(lowered, lives, positionOf, isKept)

  const table = sizeTable()
  const every = [...prepare, ...passes]
  const elements = buffers.map(b => table.add(b.elements))
  const mentioned = every.flatMap(({ grid, flops, bytes, when, reads, write }): readonly Dim[] => {
    const slices = [...reads, write].flatMap(({ slice }) => (slice === undefined ? [] : [slice.first, slice.count]))
    return [...grid, flops, bytes, when?.size ?? 0, ...slices]
  })
  for (const d of [...mentioned, ...outputs.flatMap(({ tensor }) => tensor.shape)]) table.add(d)
  // most sizes are literal: they are written down once
  const literal = Float64Array.from(buffers, b => (typeof b.elements === 'number' ? bytesFor(b, b.elements) : 0))
  const open = buffers.flatMap((b, i) => (typeof b.elements === 'string' ? [i] : []))

  const blocks = new Map<string, Region & { readonly sizes: readonly number[] }>()
  const uniforms = new Map<Pass, Region>()
  let wordCount = 0
  for (const pass of every) {
    const { sizes } = pass
    if (sizes.length === 0) continue
    const key = sizes.join(';')
    const block = blocks.get(key) ?? {
      offset: 4 * wordCount,
      bytes: roundUp(4 * sizes.length, vector),
      sizes: sizes.map(table.add),
    }
    if (!blocks.has(key)) wordCount += roundUp(block.bytes, unit) / 4
    blocks.set(key, block)
    uniforms.set(pass, block)
  }
  const words = [...blocks.values()].flatMap(({ offset, sizes }) =>
    sizes.map((size, k) => ({ at: offset / 4 + k, size })),
  )

  const plan = (sizes: Bindings): E.Either<DeviceError | GraphError, MemoryPlan> => {
    if (limits.always !== undefined) return E.left(limits.always)
    const values = table.evaluate(sizes)
    if (typeof values === 'string') return E.left({ kind: 'shape', message: `sizes ${showSizes(sizes)}: ${values}` })
    const wrong = limits.of(d => (typeof d === 'number' ? d : values[table.add(d)]!))
    if (wrong !== undefined) return E.left(wrong)
    const bytes = literal.slice()
    for (const i of open) bytes[i] = bytesFor(buffers[i]!, values[elements[i]!]!)
    const places = placesFor(pooled, bytes, neighbours, conflicts, profile.maxBuffer)
    const { slots, slot } = slotsFor(
      passing.map(({ buffer, first, last, position }) => {
        return { format: imageFormat(buffer.storage), rows: imageRowsFor(bytes[position]!), first, last }
      }),
    )
    const image = new Int32Array(buffers.length).fill(-1)
    for (const [i, { position }] of passing.entries()) image[position] = slot[i]!
    const written = new Int32Array(wordCount)
    for (const { at, size } of words) written[at] = values[size]!
    const read = outputs.map(({ buffer }) => ({ buffer, count: values[elements[positionOf(buffer)]!]! }))
    const figures = amounts({ bytes, pools: places.pools, slots, words: written, read })
    return E.right({ sizes, ...places, images: slots, image, bytes, words: written, values, ...figures })
  }
  return {
    names: table.names(),
    plan,
    refusal: limits.always,
    positionOf,
    isKept,
    valueOf: (d, { values }) => values[table.add(d)]!,
    region: ({ buffer, slice }, { offset, bytes, values }) => {
      const i = positionOf(buffer)
      if (slice === undefined) return { offset: offset[i]!, bytes: bytes[i]! }
      const first = values[table.add(slice.first)]! * storageBytes[buffer.storage]
      return { offset: offset[i]! + first, bytes: bytesFor(buffer, values[table.add(slice.count)]!) }
    },
    uniform: pass => uniforms.get(pass),
  }
}

/** Which buffers are needed after `prepare`. */
const keptBy = ({ passes, outputs, next }: Lowered): Planner['isKept'] => {
  const read = [...passes.flatMap(boundBuffers), ...outputs].map(o => o.buffer.id)
  const kept = new Set([...read, ...next.flatMap(n => [n.state.id, n.from.id])])
  return ({ id }) => kept.has(id)
}

/** What of a plan is counted. */
interface Counted {
  readonly bytes: Float64Array
  readonly pools: readonly number[]
  readonly slots: readonly ImageSlot[]
  readonly words: Int32Array
  /** outputs, and how many elements of each are read back */
  readonly read: readonly { readonly buffer: BufferPlan; readonly count: number }[]
}
const purposes = ['parameter', 'prepared', 'state', 'table', 'input', 'work', 'freed'] as const
/** Reads a program once; then counts the bytes of its plans. */
const amountsOf = (
  { buffers, passes }: Lowered,
  { first, last }: Lives,
  positionOf: Planner['positionOf'],
  isKept: Planner['isKept'],
): ((counted: Counted) => Pick<MemoryPlan, 'memory' | 'live' | 'unshared'>) => {
  const isFreed = (b: BufferPlan): boolean => ['parameter', 'prepared'].includes(b.holds.what) && !isKept(b)
  const purpose = Uint8Array.from(buffers, b => purposes.indexOf(isFreed(b) ? 'freed' : b.holds.what))
  const living = buffers.flatMap((b, i) => (isPooled(b) && last[i]! >= first[i]! ? [i] : []))
  const lasting = imagesOf(passes).flatMap(({ buffer }) => (isLasting(buffer) ? [positionOf(buffer)] : []))
  return ({ bytes, pools, slots, words, read }) => {
    const sums = new Float64Array(purposes.length)
    for (let i = 0; i < bytes.length; i++) sums[purpose[i]!]! += bytes[i]!
    const [weights, prepared, states, tables, inputs, within] = [...sums] as [
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    const change = new Float64Array(passes.length + 3)
    for (const i of living) {
      change[first[i]! + 1]! += bytes[i]!
      change[last[i]! + 2]! -= bytes[i]!
    }
    let now = 0
    const live = change.reduce((most, c) => Math.max(most, (now += c)), 0)
    const rowsOf = (i: number): number => imageRowsFor(bytes[i]!)
    // outputs are read back one after the other in whole words, each by its name even where two share a buffer
    const back = read.map(({ buffer, count }) => roundUp(count * storageBytes[buffer.storage], 4))
    const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0)
    const parts = {
      weights,
      prepared: prepared + imageRowBytes * sum(lasting.map(rowsOf)),
      states,
      tables,
      work: sum(pools),
      images: imageRowBytes * sum(slots.map(({ rows }) => rows)),
      transfer: sum(back) + words.byteLength,
    }
    return { memory: { ...parts, total: sum(Object.values(parts)) }, live, unshared: inputs + within }
  }
}
