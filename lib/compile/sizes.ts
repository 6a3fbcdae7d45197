/**
 * Sizes evaluated fast. A program mentions a few dozen different sizes thousands of times (elements of buffers, workgroups, words of
 * uniform blocks); each is read once, when the program is made, and all of them are evaluated together when a run binds the names.
 * `size.readDim` reads them, and its complaints are passed on.
 */
import type { Bindings } from '../interpret/bind.ts'
import { size, type Dim } from '../shape/index.ts'

/** Different sizes, each with a position. Add all of them first, then evaluate as often as needed. */
export interface SizeTable {
  readonly add: (d: Dim) => number
  /** names that the sizes mention, in order of first mention */
  readonly names: () => readonly string[]
  /** the numbers of all sizes by position, or which obligation fails */
  readonly evaluate: (sizes: Bindings) => Float64Array | string
}
export const sizeTable = (): SizeTable => {
  const positions = new Map<Dim, number>()
  const functions: size.SizeOf[] = []
  const names = new Set<string>()
  const add = (d: Dim): number => {
    const known = positions.get(d)
    if (known !== undefined) return known
    if (typeof d === 'string') for (const [name] of d.matchAll(/[A-Za-z_]\w*(?![\w(])/g)) names.add(name)
    positions.set(d, functions.length)
    return functions.push(size.readDim(d)) - 1
  }
  const evaluate = (sizes: Bindings): Float64Array | string => {
    try {
      return Float64Array.from(functions, f => f(sizes))
    } catch (e) {
      return (e as Error).message
    }
  }
  return { add, names: () => [...names], evaluate }
}
