/**
 * Which passes run at all, and for which sizes: a kernel for few rows may make anew what another pass makes for many (remake.ts), and a
 * pass whose result nothing reads for a size does not run for it.
 */
import { writesOf, type BufferPlan, type Pass, type When } from './pass.ts'

/** Sizes for which something is read: some of them, or all. */
type Cases = When | 'all'
const bounds = ({ least = -Infinity, most = Infinity }: When): readonly [number, number] => [least, most]
const whenOf = (size: When['size'], least: number, most: number): Cases =>
  least === -Infinity && most === Infinity
    ? 'all'
    : { size, ...(least === -Infinity ? {} : { least }), ...(most === Infinity ? {} : { most }) }
/** All sizes of either, and those between them. */
const either = (a: Cases, b: Cases): Cases => {
  if (a === 'all' || b === 'all' || a.size !== b.size) return 'all'
  const [[low, high], [least, most]] = [bounds(a), bounds(b)]
  return whenOf(a.size, Math.min(low as number, least as number), Math.max(high as number, most as number))
}
/** The sizes of both; undefined where there are none. Those of one alone where the other is about another size: more is no harm. */
const both = (a: Cases, b: Cases): Cases | undefined => {
  if (a === 'all' || b === 'all') return a === 'all' ? b : a
  if (a.size !== b.size) return a
  const [[low, high], [least, most]] = [bounds(a), bounds(b)]
  const [from, to] = [Math.max(low as number, least as number), Math.min(high as number, most as number)]
  return from > to ? undefined : whenOf(a.size, from, to)
}

/** The passes that something is made of for some size, each for the sizes that it is read for; what is `lasting` is always read. */
export const neededPasses = (passes: readonly Pass[], lasting: (buffer: BufferPlan) => boolean): readonly Pass[] => {
  const read = new Map<BufferPlan, Cases>()
  const needed: Pass[] = []
  for (const pass of [...passes].reverse()) {
    const cases = writesOf(pass).map(({ buffer }) => (lasting(buffer) ? 'all' : read.get(buffer)))
    const wanted = cases.reduce((a, b) => (a === undefined ? b : b === undefined ? a : either(a, b)))
    const runs = wanted === undefined ? undefined : both(pass.when ?? 'all', wanted)
    if (runs === undefined) continue
    const { when: _, ...always } = pass
    needed.unshift(runs === 'all' ? always : { ...pass, when: runs })
    for (const { buffer } of pass.reads) {
      const before = read.get(buffer)
      read.set(buffer, before === undefined ? runs : either(before, runs))
    }
  }
  return needed
}
