/**
 * Who needs memory when, read off a program once: nothing here depends on sizes. Buffers that live at the same time may not lie at the
 * same place. And WebGPU forbids one buffer to be read and written in the same dispatch, whatever the offsets, so a pass must write into
 * another pool than those it reads.
 */
import { copiesBefore } from './images.ts'
import { storageBytes, writesOf, type BufferPlan, type Lowered, type Operand, type Pass } from './pass.ts'

/** Bindings and copies are whole vectors, so that kernels may read four numbers at once. */
export const vector = 16
export const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to
/** Bytes that so many elements of a buffer take. */
export const bytesFor = (b: Pick<BufferPlan, 'storage'>, count: number): number =>
  Math.max(vector, roundUp(count * storageBytes[b.storage], vector))

export const isPooled = (b: BufferPlan): boolean => b.holds.what === 'work' || b.holds.what === 'input'
/** what a pass binds as buffers: its writes, and the reads that are not images */
export const boundBuffers = (pass: Pass): readonly Operand[] => [
  ...pass.reads.filter(o => o.image !== true),
  ...writesOf(pass),
]

/** When the content of a buffer is needed: from its first write to its last use, in passes. Inputs are there before the first pass. */
export interface Lives {
  readonly first: Int32Array
  readonly last: Int32Array
}
export const livesOf = (lowered: Lowered, positionOf: (b: BufferPlan) => number): Lives => {
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
export interface Lists {
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
export const neighboursOf = (pooled: readonly number[], count: number, { first, last }: Lives): Lists => {
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
export const conflictsOf = (lowered: Lowered, positionOf: (b: BufferPlan) => number): Lists => {
  const sets: Set<number>[] = lowered.buffers.map(() => new Set())
  for (const pass of lowered.passes)
    for (const write of writesOf(pass)) {
      const w = positionOf(write.buffer)
      for (const { buffer, image } of pass.reads) {
        if (image === true || !isPooled(buffer) || !isPooled(write.buffer)) continue
        sets[w]!.add(positionOf(buffer))
        sets[positionOf(buffer)]!.add(w)
      }
    }
  return packed(sets.map(s => [...s]))
}
