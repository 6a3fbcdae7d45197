/**
 * Places in pools for buffers of given bytes: the largest first, each at the best fitting gap. Pisarchyk & Lee 2020, "Efficient Memory
 * Management for Deep Neural Net Inference". It runs at every change of sizes, so it works on flat arrays of numbers.
 */
import type { Lists } from './lives.ts'

/** The unit of places in pools: the largest alignment that WebGPU asks for. */
export const unit = 256

export interface Places {
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
export const placesFor = (
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
