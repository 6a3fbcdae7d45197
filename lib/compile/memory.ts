/**
 * The memory plan: where every buffer of a program lies, known before anything runs. What lives only within a run (inputs and
 * intermediate results) shares a few large pools; two buffers lie at the same place if their lives do not meet. Largest first, each
 * at the best fitting gap: Pisarchyk & Lee 2020, "Efficient Memory Management for Deep Neural Net Inference".
 *
 * WebGPU forbids one buffer to be read and written in the same dispatch, whatever the offsets, so a pass must write into another pool
 * than those it reads. Lives, neighbours and these conflicts do not depend on sizes and are found once; a plan for new sizes is cheap.
 */
import { either as E } from 'fp-ts'
import { deviceError, type DeviceError, type GraphError } from '../errors.ts'
import type { Bindings } from '../interpret/bind.ts'
import type { Dim } from '../shape/index.ts'
import { foldGrid } from './grid.ts'
import {
  copiesBefore,
  imageFormat,
  imageRowBytes,
  imageRowsFor,
  imagesOf,
  isLasting,
  slotsFor,
  type ImageSlot,
} from './images.ts'
import { storageBytes, type BufferPlan, type DeviceProfile, type Lowered, type Operand, type Pass } from './pass.ts'
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

/** Bindings and copies are whole vectors, so that kernels may read four numbers at once. */
const vector = 16
/** The unit of places in pools: the largest alignment that WebGPU asks for. */
const unit = 256
const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to

const bytesNames = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const
/** `134217728` as `128 MiB`. */
export const showBytes = (bytes: number): string => {
  const power = bytes < 1 ? 0 : Math.min(bytesNames.length - 1, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1).replace(/\.0$/, '')} ${bytesNames[power]}`
}
const showSizes = (sizes: Bindings): string =>
  Object.entries(sizes)
    .map(([name, n]) => `${name} = ${n}`)
    .join(', ')

/** Bytes that so many elements of a buffer take. */
const bytesFor = (b: Pick<BufferPlan, 'storage'>, count: number): number =>
  Math.max(vector, roundUp(count * storageBytes[b.storage], vector))
const isPooled = (b: BufferPlan): boolean => b.holds.what === 'work' || b.holds.what === 'input'
/** what a pass binds as buffers: the write, and the reads that are not images */
const boundBuffers = (pass: Pass): readonly Operand[] => [...pass.reads.filter(o => o.image !== true), pass.write]

/** When the content of a buffer is needed: from its first write to its last use, in passes. Inputs are there before the first pass. */
interface Lives {
  readonly first: Int32Array
  readonly last: Int32Array
}
const livesOf = (lowered: Lowered, positionOf: (b: BufferPlan) => number): Lives => {
  const { buffers, passes, outputs, next } = lowered
  const first = new Int32Array(buffers.length).fill(passes.length)
  const last = new Int32Array(buffers.length).fill(-1)
  const use = (b: BufferPlan, at: number): void => {
    const i = positionOf(b)
    first[i] = Math.min(first[i]!, at)
    last[i] = Math.max(last[i]!, at)
  }
  for (const b of buffers) if (b.holds.what === 'input') use(b, -1)
  const copies = copiesBefore(passes)
  for (const [at, pass] of passes.entries()) {
    for (const { buffer } of boundBuffers(pass)) use(buffer, at)
    for (const { buffer } of copies.get(pass) ?? []) use(buffer, at)
  }
  for (const { buffer } of outputs) use(buffer, passes.length)
  for (const { from } of next) use(from, passes.length)
  return { first, last }
}

/** A list of positions for each position. */
interface Lists {
  readonly start: Int32Array
  readonly items: Int32Array
}
const packed = (lists: readonly (readonly number[])[]): Lists => {
  const start = new Int32Array(lists.length + 1)
  for (const [i, list] of lists.entries()) start[i + 1] = start[i]! + list.length
  const items = new Int32Array(start[lists.length]!)
  for (const [i, list] of lists.entries()) items.set(list, start[i]!)
  return { start, items }
}
/** Pooled buffers that live at the same time as each: counted first, then listed. */
const neighboursOf = (pooled: readonly number[], count: number, { first, last }: Lives): Lists => {
  const byStart = Int32Array.from(pooled).sort((a, b) => first[a]! - first[b]!)
  const meetings = (meet: (a: number, b: number) => void): void => {
    const alive = new Int32Array(pooled.length)
    let size = 0
    for (const i of byStart) {
      let left = 0
      for (let k = 0; k < size; k++) {
        const j = alive[k]!
        if (last[j]! < first[i]!) continue
        alive[left++] = j
        meet(i, j)
      }
      alive[left] = i
      size = left + 1
    }
  }
  const start = new Int32Array(count + 1)
  meetings((a, b) => {
    start[a + 1]!++
    start[b + 1]!++
  })
  for (let i = 0; i < count; i++) start[i + 1]! += start[i]!
  const next = start.slice()
  const items = new Int32Array(start[count]!)
  meetings((a, b) => {
    items[next[a]!++] = b
    items[next[b]!++] = a
  })
  return { start, items }
}
/** Pooled buffers that each must not share a pool with: what is read where it is written, and the reverse. */
const conflictsOf = (lowered: Lowered, positionOf: (b: BufferPlan) => number): Lists => {
  const sets: Set<number>[] = lowered.buffers.map(() => new Set())
  for (const { reads, write } of lowered.passes) {
    const w = positionOf(write.buffer)
    for (const { buffer, image } of reads) {
      if (image === true || !isPooled(buffer) || !isPooled(write.buffer)) continue
      sets[w]!.add(positionOf(buffer))
      sets[positionOf(buffer)]!.add(w)
    }
  }
  return packed(sets.map(s => [...s]))
}

interface Places {
  readonly pools: readonly number[]
  readonly pool: Int32Array
  readonly offset: Float64Array
}
/** One number that sorts by its high part and carries a position in its low 20 bits. */
const carrying = 2 ** 20
const carried = (key: number): number => key - Math.floor(key / carrying) * carrying
/** Offsets in units, below 16 GiB. */
const offsets = 2 ** 26

/** Sorts the first numbers in place; most lists are short. */
const sortFirst = (keys: Float64Array, count: number): void => {
  if (count > 32) {
    keys.subarray(0, count).sort()
    return
  }
  for (let i = 1; i < count; i++) {
    const key = keys[i]!
    let at = i
    for (; at > 0 && keys[at - 1]! > key; at--) keys[at] = keys[at - 1]!
    keys[at] = key
  }
}

/**
 * Places for buffers of these bytes. What is in `neighbours` does not overlap, what is in `conflicts` is not in one pool. Of all gaps
 * the one is taken that lets its pool grow least, then the one that leaves least.
 */
const placesFor = (
  pooled: readonly number[],
  bytes: Float64Array,
  neighbours: Lists,
  conflicts: Lists,
  maxBuffer: number,
): Places => {
  const most = Math.floor(Math.min(maxBuffer, unit * offsets) / unit)
  const length = bytes.map(b => Math.ceil(b / unit))
  const pool = new Int32Array(bytes.length).fill(-1)
  const offset = new Float64Array(bytes.length)
  const pools: number[] = []
  const bySize = Float64Array.from(pooled, i => length[i]! * carrying + carrying - 1 - i).sort()
  const near = new Float64Array(pooled.length)
  const forbiddenFor = new Int32Array(pooled.length).fill(-1)
  const best = { pool: 0, offset: 0, growth: 0, spare: 0 }
  const offer = (p: number, at: number, end: number, growth: number, spare: number): void => {
    if (end > most || growth > best.growth || (growth === best.growth && spare >= best.spare)) return
    best.pool = p
    best.offset = at
    best.growth = growth
    best.spare = spare
  }
  for (let k = bySize.length - 1; k >= 0; k--) {
    const i = carrying - 1 - carried(bySize[k]!)
    const size = length[i]!
    for (let c = conflicts.start[i]!; c < conflicts.start[i + 1]!; c++) {
      const p = pool[conflicts.items[c]!]!
      if (p >= 0) forbiddenFor[p] = i
    }
    let count = 0
    for (let n = neighbours.start[i]!; n < neighbours.start[i + 1]!; n++) {
      const j = neighbours.items[n]!
      const p = pool[j]!
      if (p >= 0 && forbiddenFor[p] !== i) near[count++] = (p * offsets + offset[j]!) * carrying + j
    }
    sortFirst(near, count)
    // a new pool is the last resort
    best.pool = pools.length
    best.offset = 0
    best.growth = size
    best.spare = Infinity
    for (let p = 0, n = 0; p < pools.length; p++) {
      if (forbiddenFor[p] === i) continue
      const bytesOfPool = pools[p]!
      let free = 0
      for (; n < count && near[n]! < (p + 1) * offsets * carrying; n++) {
        const j = carried(near[n]!)
        const gap = offset[j]! - free
        if (gap >= size) offer(p, free, free + size, 0, gap - size)
        free = Math.max(free, offset[j]! + length[j]!)
      }
      const left = bytesOfPool - free - size
      offer(p, free, free + size, Math.max(0, -left), Math.max(0, left))
    }
    pool[i] = best.pool
    offset[i] = best.offset
    pools[best.pool] = Math.max(pools[best.pool] ?? 0, best.offset + size)
  }
  return { pools: pools.map(n => n * unit), pool, offset: offset.map(n => n * unit) }
}

/** What must hold of every plan, checked with the numbers of one. */
interface Checks {
  readonly buffer: (position: number, bytes: number) => DeviceError | undefined
  readonly image: (position: number, rows: number) => DeviceError | undefined
  readonly binding: (pass: Pass, operand: Operand, offset: number, bytes: number) => DeviceError | undefined
  readonly grid: (pass: Pass, workgroups: number) => DeviceError | undefined
  readonly buffers: (pass: Pass) => DeviceError
}
const smaller = 'Next step: give smaller inputs, store weights in fewer bits, or run on an adapter with higher limits.'
const checksOf = (lowered: Lowered, profile: DeviceProfile): Checks => {
  const { maxBuffer, maxBinding, offsetAlignment, maxWorkgroupsPerDimension } = profile
  const limit = (what: string): DeviceError => deviceError('limit', `${what}. ${smaller}`)
  return {
    buffer: (position, bytes) =>
      bytes <= maxBuffer
        ? undefined
        : limit(
            `'${lowered.buffers[position]!.label}' needs ${showBytes(bytes)}, but a buffer of this adapter holds ` +
              `${showBytes(maxBuffer)} at most`,
          ),
    image: (position, rows) =>
      rows <= profile.imageRows
        ? undefined
        : limit(
            `'${lowered.buffers[position]!.label}' needs an image of ${rows} rows, but this adapter allows ` +
              `${profile.imageRows}`,
          ),
    binding: (pass, { buffer }, offset, bytes) => {
      if (bytes > maxBinding)
        return limit(
          `'${buffer.label}' in ${pass.label} needs ${showBytes(bytes)} in one binding, but this adapter binds ` +
            `${showBytes(maxBinding)} at most`,
        )
      if (offset % offsetAlignment !== 0)
        return limit(
          `'${buffer.label}' in ${pass.label} starts at byte ${offset}, not at a multiple of ${offsetAlignment}`,
        )
      return undefined
    },
    grid: (pass, workgroups) =>
      workgroups <= maxWorkgroupsPerDimension
        ? undefined
        : limit(
            `${pass.label} at '${pass.path}' needs ${workgroups} workgroups in one direction, but this adapter allows ` +
              `${maxWorkgroupsPerDimension}`,
          ),
    buffers: pass =>
      limit(
        `${pass.label} at '${pass.path}' binds ${boundBuffers(pass).length} storage buffers, but this adapter allows ${profile.maxStorageBuffers}`,
      ),
  }
}

/** Reads a program once; then gives plans for any choice of sizes in well under a millisecond. */
export const memoryPlanner = (lowered: Lowered, profile: DeviceProfile): Planner => {
  const { buffers, prepare, passes, outputs, next } = lowered
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
  const checks = checksOf(lowered, profile)
  const pictured = imagesOf(passes).map(image => ({ ...image, position: positionOf(image.buffer) }))
  const lasting = pictured.filter(({ buffer }) => isLasting(buffer))
  const passing = pictured.filter(({ buffer }) => !isLasting(buffer))
  const keptIds = [...passes.flatMap(boundBuffers), ...outputs].map(o => o.buffer.id)
  const kept = new Set([...keptIds, ...next.flatMap(n => [n.state.id, n.from.id])])

  const table = sizeTable()
  const every = [...prepare, ...passes]
  const elements = buffers.map(b => table.add(b.elements))
  const grids = every.map(pass => ({ pass, sizes: pass.grid.map(table.add) as [number, number, number] }))
  const slices = new Map<Operand, { readonly pass: Pass; readonly first: number; readonly count: number }>()
  const whole = new Map<number, { readonly pass: Pass; readonly operand: Operand }>()
  for (const pass of every)
    for (const operand of boundBuffers(pass))
      if (operand.slice === undefined) whole.set(positionOf(operand.buffer), { pass, operand })
      else slices.set(operand, { pass, first: table.add(operand.slice.first), count: table.add(operand.slice.count) })
  for (const pass of every) for (const d of [pass.flops, pass.bytes, pass.when?.size ?? 0]) table.add(d)
  for (const { tensor } of outputs) for (const d of tensor.shape) table.add(d)

  const blocks = new Map<string, { readonly start: number; readonly sizes: readonly number[] }>()
  let wordCount = 0
  for (const { sizes } of every) {
    const key = sizes.join(';')
    if (sizes.length === 0 || blocks.has(key)) continue
    blocks.set(key, { start: wordCount, sizes: sizes.map(table.add) })
    wordCount += roundUp(4 * sizes.length, unit) / 4
  }
  const blockList = [...blocks.values()]

  const region = (operand: Operand, plan: MemoryPlan): Region => {
    const i = positionOf(operand.buffer)
    const slice = slices.get(operand)
    if (slice === undefined) return { offset: plan.offset[i]!, bytes: plan.bytes[i]! }
    const first = plan.values[slice.first]! * storageBytes[operand.buffer.storage]
    return { offset: plan.offset[i]! + first, bytes: bytesFor(operand.buffer, plan.values[slice.count]!) }
  }
  const problem = (plan: MemoryPlan): DeviceError | undefined => {
    const { bytes, values, offset } = plan
    for (let i = 0; i < bytes.length; i++) if (bytes[i]! > profile.maxBuffer) return checks.buffer(i, bytes[i]!)
    for (const [i, { pass, operand }] of whole) {
      const wrong = checks.binding(pass, operand, offset[i]!, bytes[i]!)
      if (wrong !== undefined) return wrong
    }
    for (const [operand, { pass }] of slices) {
      const at = region(operand, plan)
      const wrong = checks.binding(pass, operand, at.offset, at.bytes)
      if (wrong !== undefined) return wrong
    }
    for (const { pass, sizes } of grids) {
      const [x, y, z] = sizes
      const grid = foldGrid([values[x]!, values[y]!, values[z]!], profile.maxWorkgroupsPerDimension)
      const wrong = checks.grid(pass, Math.max(...grid))
      if (wrong !== undefined) return wrong
    }
    for (const { position } of pictured) {
      const wrong = checks.image(position, imageRowsFor(bytes[position]!))
      if (wrong !== undefined) return wrong
    }
    return undefined
  }

  const crowded = every.find(pass => boundBuffers(pass).length > profile.maxStorageBuffers)
  const ofLiterals = (): DeviceError | undefined => {
    for (const [i, b] of buffers.entries()) {
      if (typeof b.elements !== 'number') continue
      const bytes = bytesFor(b, b.elements)
      const bound = whole.get(i)
      const wrong = checks.buffer(i, bytes) ?? (bound && checks.binding(bound.pass, bound.operand, 0, bytes))
      if (wrong !== undefined) return wrong
    }
    return undefined
  }
  const refusal = crowded === undefined ? ofLiterals() : checks.buffers(crowded)
  const plan = (sizes: Bindings): E.Either<DeviceError | GraphError, MemoryPlan> => {
    if (refusal !== undefined) return E.left(refusal)
    const values = table.evaluate(sizes)
    if (typeof values === 'string') return E.left({ kind: 'shape', message: `sizes ${showSizes(sizes)}: ${values}` })
    const bytes = Float64Array.from(elements, (size, i) => bytesFor(buffers[i]!, values[size]!))
    const places = placesFor(pooled, bytes, neighbours, conflicts, profile.maxBuffer)
    const { slots, slot } = slotsFor(
      passing.map(({ buffer, first, last, position }) => {
        return { format: imageFormat(buffer.storage), rows: imageRowsFor(bytes[position]!), first, last }
      }),
    )
    const image = new Int32Array(buffers.length).fill(-1)
    for (const [i, { position }] of passing.entries()) image[position] = slot[i]!
    const words = new Int32Array(wordCount)
    for (const block of blockList) for (const [k, size] of block.sizes.entries()) words[block.start + k] = values[size]!
    const figures = amounts(values, bytes, places, slots, words)
    const made: MemoryPlan = { sizes, ...places, images: slots, image, bytes, words, values, ...figures }
    const wrong = problem(made)
    return wrong === undefined ? E.right(made) : E.left(wrong)
  }
  const amounts = (
    values: Float64Array,
    bytes: Float64Array,
    { pools }: Places,
    slots: readonly ImageSlot[],
    words: Int32Array,
  ): Pick<MemoryPlan, 'memory' | 'live' | 'unshared'> => {
    const sums = { parameter: 0, prepared: 0, state: 0, table: 0, input: 0, work: 0 }
    const change = new Float64Array(passes.length + 3)
    for (const [i, b] of buffers.entries()) {
      if ((b.holds.what !== 'parameter' && b.holds.what !== 'prepared') || kept.has(b.id))
        sums[b.holds.what] += bytes[i]!
      if (!isPooled(b) || lives.last[i]! < lives.first[i]!) continue
      change[lives.first[i]! + 1]! += bytes[i]!
      change[lives.last[i]! + 2]! -= bytes[i]!
    }
    let now = 0
    const live = change.reduce((most, c) => Math.max(most, (now += c)), 0)
    for (const { position } of lasting) sums.prepared += imageRowBytes * imageRowsFor(bytes[position]!)
    const work = pools.reduce((a, b) => a + b, 0)
    const images = slots.reduce((sum, { rows }) => sum + rows * imageRowBytes, 0)
    // outputs are read back one after the other in whole words, each by its name even where two share a buffer
    const wordsOf = (i: number): number => roundUp(values[elements[i]!]! * storageBytes[buffers[i]!.storage], 4)
    const readBack = outputs.reduce((sum, { buffer }) => sum + wordsOf(positionOf(buffer)), 0)
    const parts = {
      weights: sums.parameter,
      prepared: sums.prepared,
      states: sums.state,
      tables: sums.table,
      work,
      images,
      transfer: readBack + words.byteLength,
    }
    const total = Object.values(parts).reduce((a, b) => a + b, 0)
    return { memory: { ...parts, total }, live, unshared: sums.input + sums.work }
  }
  return {
    names: table.names(),
    plan,
    refusal,
    positionOf,
    isKept: b => kept.has(b.id),
    valueOf: (d, { values }) => values[table.add(d)]!,
    region,
    uniform: pass => {
      const block = blocks.get(pass.sizes.join(';'))
      return block && { offset: 4 * block.start, bytes: roundUp(4 * block.sizes.length, vector) }
    },
  }
}

/** The plan on one page: what needs how much, and what reuse saved. */
export const describePlan = (plan: MemoryPlan): string => {
  const { weights, prepared, states, tables, work, images, transfer, total } = plan.memory
  const pools = plan.pools.map(showBytes).join(' + ') || 'no pools'
  const rows: readonly (readonly [string, number, string])[] = [
    ['weights', weights, ''],
    ['packed weights', prepared, ''],
    ['states', states, 'stay from run to run'],
    ['tables', tables, ''],
    ['work', work, `${pools}; ${showBytes(plan.live)} in use at most, ${showBytes(plan.unshared)} without reuse`],
    ['images', images, 'copies of what products read, shared like work'],
    ['transfer', transfer, 'read-back and named sizes'],
    ['total', total, ''],
  ]
  const lines = rows
    .filter(([name, bytes]) => bytes > 0 || name === 'total')
    .map(([name, bytes, note]) => `  ${name.padEnd(15)} ${showBytes(bytes).padStart(10)}  ${note}`.trimEnd())
  const sizes = showSizes(plan.sizes)
  return [sizes === '' ? 'memory' : `memory for ${sizes}`, ...lines].join('\n')
}
