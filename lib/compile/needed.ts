/**
 * Which passes run at all, and for which sizes: a kernel for few rows may make anew what another pass makes for many (remake.ts), and a
 * pass whose result nothing reads for a size does not run for it.
 */
import { writesOf, type BufferPlan, type Pass, type When } from './pass.ts'

/** Sizes for which something is read: some of them, or all. */
type Cases = When | 'all'
const whenOf = (size: When['size'], least: number, most: number): Cases =>
  least === -Infinity && most === Infinity
    ? 'all'
    : { size, ...(least === -Infinity ? {} : { least }), ...(most === Infinity ? {} : { most }) }
const leastOf = ({ least = -Infinity }: When): number => least
const mostOf = ({ most = Infinity }: When): number => most
/** All sizes of either, and those between them. */
const either = (a: Cases, b: Cases): Cases => {
  if (a === 'all' || b === 'all' || a.size !== b.size) return 'all'
  return whenOf(a.size, Math.min(leastOf(a), leastOf(b)), Math.max(mostOf(a), mostOf(b)))
}
/** The sizes of both; undefined where there are none. Those of one alone where the other is about another size: more is no harm. */
export const inCommon = (a: Cases, b: Cases): Cases | undefined => {
  if (a === 'all' || b === 'all') return a === 'all' ? b : a
  if (a.size !== b.size) return a
  const [from, to] = [Math.max(leastOf(a), leastOf(b)), Math.min(mostOf(a), mostOf(b))]
  return from > to ? undefined : whenOf(a.size, from, to)
}

/** The passes that something is made of for some size, each for the sizes that it is read for; what is `lasting` is always read. */
export const neededPasses = (passes: readonly Pass[], lasting: (buffer: BufferPlan) => boolean): readonly Pass[] => {
  const read = new Map<BufferPlan, Cases>()
  const needed: Pass[] = []
  for (const pass of passes.toReversed()) {
    const cases = writesOf(pass).map(({ buffer }) => (lasting(buffer) ? 'all' : read.get(buffer)))
    const wanted = cases.reduce((a, b) => (a === undefined ? b : b === undefined ? a : either(a, b)))
    const runs = wanted === undefined ? undefined : inCommon(pass.when ?? 'all', wanted)
    if (runs === undefined) continue
    needed.push(runs === 'all' ? pass : { ...pass, when: runs })
    for (const { buffer } of pass.reads) {
      const before = read.get(buffer)
      read.set(buffer, before === undefined ? runs : either(before, runs))
    }
  }
  return needed.reverse()
}
