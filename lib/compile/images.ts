/**
 * Images: copies of buffers in read-only storage textures, for kernels that read four numbers at once. On lavapipe that is the only
 * wide load there is; a GPU and SwiftShader read buffers as fast or faster, so images are a matter of the compiled program alone.
 *
 * An image holds its buffer's bytes in order, a texel of 16 after the other, 8192 in a row: texel i lies at (i & 8191, i >> 13), whatever
 * the shape. So an image may have more rows than it needs, one kernel text serves any length, and images are reused like other memory.
 * A schedule asks for one by naming nodes in `printModule`'s `images`; the text then reads `x_at(i)` as it would read `x[i]`, and the
 * pass's operand says `image`. Nothing but a copy writes an image: what stays the same between runs (parameters, prepared weights, tables)
 * is copied once, after loading, and its buffer freed unless something reads it as a buffer; anything else is copied in every run
 * before the first pass that reads it, once for all that do.
 */
import { writesOf, type BufferPlan, type Pass, type Storage } from './pass.ts'

/** texels in a row */
export const imageWidth = 8192
export const texelBytes = 16
export const imageRowBytes = imageWidth * texelBytes
/** rows that so many bytes take */
export const imageRowsFor = (bytes: number): number => Math.ceil(bytes / imageRowBytes)

export type ImageFormat = 'rgba32float' | 'rgba32uint'
/** Numbers that are not plain f32 arrive as their bits. */
export const imageFormat = (storage: Storage): ImageFormat => (storage === 'f32' ? 'rgba32float' : 'rgba32uint')

/** Is it copied once, after loading? */
export const isLasting = ({ holds }: BufferPlan): boolean =>
  holds.what === 'parameter' || holds.what === 'prepared' || holds.what === 'table'

/** A buffer copied into its image, and the passes that read it there. */
export interface ImageCopy {
  readonly buffer: BufferPlan
  readonly readers: readonly Pass[]
}
/** The copies of a run, by the pass that each comes before. A buffer that is written again is copied again. */
export const copiesBefore = (passes: readonly Pass[]): ReadonlyMap<Pass, readonly ImageCopy[]> => {
  const copies = new Map<Pass, ImageCopy[]>()
  const valid = new Map<number, Pass[]>()
  for (const pass of passes) {
    for (const { buffer, image } of pass.reads) {
      if (image !== true || isLasting(buffer)) continue
      const readers = valid.get(buffer.id)
      if (readers !== undefined) readers.push(pass)
      else {
        const first = [pass]
        valid.set(buffer.id, first)
        copies.set(pass, [...(copies.get(pass) ?? []), { buffer, readers: first }])
      }
    }
    for (const { buffer } of writesOf(pass)) valid.delete(buffer.id)
  }
  return copies
}

/** Buffers that passes read as images, each once, with the first and the last pass that do. */
export const imagesOf = (
  passes: readonly Pass[],
): readonly { readonly buffer: BufferPlan; readonly first: number; readonly last: number }[] => {
  const found = new Map<number, { readonly buffer: BufferPlan; readonly first: number; last: number }>()
  for (const [at, { reads }] of passes.entries())
    for (const { buffer, image } of reads) {
      if (image !== true) continue
      const known = found.get(buffer.id)
      if (known === undefined) found.set(buffer.id, { buffer, first: at, last: at })
      else known.last = at
    }
  return [...found.values()]
}

/** An image that lives from one pass to another. */
export interface ImageLife {
  readonly format: ImageFormat
  readonly rows: number
  readonly first: number
  readonly last: number
}
/** A texture that images share, one after the other. */
export interface ImageSlot {
  readonly format: ImageFormat
  readonly rows: number
}
/** Images whose lives do not meet share a slot: the largest first, so that none grows. */
export const slotsFor = (
  lives: readonly ImageLife[],
): { readonly slots: readonly ImageSlot[]; readonly slot: readonly number[] } => {
  const slots: { format: ImageFormat; rows: number; members: ImageLife[] }[] = []
  const slot: number[] = []
  const bySize = lives.map((_, i) => i).sort((a, b) => lives[b]!.rows - lives[a]!.rows || a - b)
  for (const i of bySize) {
    const life = lives[i]!
    const free = slots.findIndex(
      ({ format, members }) =>
        format === life.format && members.every(other => other.last < life.first || life.last < other.first),
    )
    slot[i] = free < 0 ? slots.length : free
    if (free < 0) slots.push({ format: life.format, rows: life.rows, members: [life] })
    else slots[free]!.members.push(life)
  }
  return { slots: slots.map(({ format, rows }) => ({ format, rows })), slot }
}
