/**
 * The schedule for a long k under few results, as in gradients with regard to weights: a GPU whose workgroups make a tile each would stand
 * still but for a few of them. K is cut into parts that are made side by side, a contraction of the compiler's own, and a reduction adds
 * them up in their order and finishes the results.
 */
import {
  compare,
  literal,
  plus,
  rowMajor,
  select,
  sizeOf,
  times,
  unravel,
  type Contract,
  type Expr,
  type Reduce,
} from '../../form/index.ts'
import type { Node } from '../../graph/index.ts'
import { size, type Dim } from '../../shape/index.ts'
import { reduceKernel } from '../kernel-reduce.ts'
import { loader, type KernelSource } from '../kernel.ts'
import { aboutSize } from '../usual.ts'
import { sumsOfParts } from './packing.ts'
import type { Problem } from './problem.ts'
import { deep, sharedFits, sharedTiles } from './shared.ts'

/** workgroups that keep a large GPU busy, four of 64 lanes for each of its cores */
const wanted = 512
/** k's that are worth a workgroup of their own */
const least = 8 * deep
/** parts that are worth the pass that adds them up */
const fewest = 4
/** numbers of all parts together: 16 MiB */
const most = 2 ** 22

const [tile] = sharedTiles

/** Parts of k: as many as there are workgroups too few, none shorter than is worth it; 1 where it stays whole. */
export const partsOfK = ({ batch, m, n, k }: Problem): number => {
  const results = size.prod([batch, m, n])
  // their memory would grow with a named size
  if (typeof results !== 'number') return 1
  const tiles = aboutSize(batch) * Math.ceil(aboutSize(m) / tile.side) * Math.ceil(aboutSize(n) / tile.side)
  const about = aboutSize(k)
  const parts = Math.floor(Math.min(wanted / tiles, about / least, most / results))
  if (!(parts >= fewest)) return 1
  return typeof k === 'number' ? Math.ceil(k / Number(lengthOf(k, parts))) : parts
}
/** K's of a part: whole steps of its tiles. */
const lengthOf = (k: Dim, parts: number): Dim =>
  size.mul(size.floorDiv(size.add(k, deep * parts - 1), deep * parts), deep)

export const splitFits = (problem: Problem): boolean => sharedFits(tile)(problem) && partsOfK(problem) > 1

export const split = (problem: Problem): KernelSource => {
  const { context, anchor, batch, m, n, k } = problem
  const { fusion, root } = context
  const parts = partsOfK(problem)
  const length = lengthOf(k, parts)
  const whole = typeof length === 'number' && parts * length === k
  /** an element at a k of a part, and 0 beyond the last k */
  const ofPart =
    (element: (batch: Expr, at: Expr, k: Expr) => Expr): Contract['a'] =>
    (_, [part, b], [at], [kAt]) => {
      const inAll = plus(times(part as Expr, sizeOf(length)), kAt as Expr)
      const x = element(b as Expr, at as Expr, inAll)
      return whole ? x : select(compare(inAll, '<', sizeOf(k)), x, literal(0))
    }
  const made: Contract = {
    form: 'contract',
    batch: [parts, batch],
    m: [m],
    n: [n],
    k: [length],
    a: ofPart(problem.elementOfA),
    b: ofPart(problem.elementOfB),
    place: ([part, b], at, across) => [part as Expr, rowMajor([b as Expr, ...at, ...across], [batch, m, n])],
  }
  const results = size.prod([batch, m, n])
  const sums = sumsOfParts([parts, results], made, loader(fusion, anchor))
  const added: Reduce = {
    form: 'reduce',
    rows: [results],
    columns: [parts],
    passes: [
      { name: 'sum', monoid: 'sum', value: (_, row, part) => ({ e: 'load', of: sums, index: [...part, ...row] }) },
    ],
    finish: { per: 'row', value: folded => folded('sum') },
  }
  const land = fusion.landing(root)
  const landed = ([at]: readonly Expr[]): readonly Expr[] =>
    land(problem.placeOf(...(unravel(at as Expr, [batch, m, n]) as [Expr, Expr, Expr])))
  const landing = (node: Node): typeof land => (node === root ? landed : fusion.landing(node))
  return { ...reduceKernel({ ...context, fusion: { ...fusion, landing } }, anchor, added), packed: [sums] }
}
