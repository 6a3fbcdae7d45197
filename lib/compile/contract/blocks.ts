/**
 * How weights lie for kernels whose time goes into reading them: blocks of 32 columns by 32 or 64 k's, cut into units of 16 bytes. A unit
 * holds as many k's of one column as 16 bytes hold, eight neighbouring units belong to the columns of eight lanes, and a lane owns four
 * columns that follow one another:
 *
 *   [batch][n / 32][k / group] { [k's of the group / numbers of a unit][4 columns][8 lanes] units, [8 lanes] units of scales }
 *
 * One layout serves a token and a thousand: lanes read neighbouring units whatever they do with them (matvec.ts, stored-panels.ts). The
 * numbers are those of ggml's Q8_0 and Q4_0, with a scale for 32 k's of a column; the scales of a lane's four columns and of two such
 * groups are one unit. K and n are padded with zeros, so any size can be stored.
 */
import { and, compare, literal, plus, select, sizeOf, times, type Expr } from '../../form/index.ts'
import type { Applied } from '../../graph/index.ts'
import type { Dim } from '../../shape/index.ts'
import type { WeightStorage } from '../pass.ts'
import { leavesOf, pack } from './packing.ts'
import { alongK, type Problem } from './problem.ts'

/** lanes that share a block, and columns of it */
export const blockLanes = 8
export const blockColumns = 4 * blockLanes

/** How numbers are kept in units, and how four of them that follow one another along k are read. */
export interface Codec {
  /** numbers of a unit */
  readonly per: number
  /** k's of a block */
  readonly group: number
  readonly unit: 'vec4f' | 'vec4u'
  /** where numbers are whole and have a scale: what stands for 0 */
  readonly zero?: number
  /** the four numbers at `quad` of a unit, each times its factor where there are factors */
  readonly four: (unit: string, quad: string) => string
  /** what `four` has to be multiplied with: numbers are masked where they stand, not shifted */
  readonly factors?: string
  /** functions that `four` calls */
  readonly code?: string
}

export const codecs: Readonly<Record<WeightStorage, Codec>> = {
  f32: { per: 4, group: 32, unit: 'vec4f', four: unit => unit },
  f16: {
    per: 8,
    group: 32,
    unit: 'vec4u',
    four: (unit, q) => `halves(vec2u(${at(unit, doubled(q))}, ${at(unit, plusOne(doubled(q)))}))`,
  },
  q8: {
    per: 16,
    group: 64,
    unit: 'vec4u',
    zero: 128,
    four: (unit, q) => `bytes(${at(unit, q)})`,
    factors: 'vec4f(1.0, 0.00390625, 0.0000152587890625, 1.0)',
    code: 'fn bytes(u: u32) -> vec4f { return vec4f(vec4i(vec4u(u & 0xffu, u & 0xff00u, u & 0xff0000u, u >> 24u))); }',
  },
  q4: {
    per: 32,
    group: 64,
    unit: 'vec4u',
    zero: 8,
    four: (unit, q) =>
      isNumber(q)
        ? `nibbles(${at(unit, `${Number(q) >> 1}`)}${Number(q) % 2 === 0 ? '' : ' >> 16u'})`
        : `nibbles(${unit}[${q} / 2] >> u32(${q} % 2 * 16))`,
    factors: 'vec4f(1.0, 0.0625, 0.00390625, 0.000244140625)',
    code: 'fn nibbles(u: u32) -> vec4f { return vec4f(vec4i(vec4u(u & 0xfu, u & 0xf0u, u & 0xf00u, u & 0xf000u))); }',
  },
}
const isNumber = (text: string): boolean => /^\d+$/.test(text)
const at = (unit: string, i: string): string => (isNumber(i) ? `${unit}.${'xyzw'[Number(i)]}` : `${unit}[${i}]`)
const doubled = (q: string): string => (isNumber(q) ? `${2 * Number(q)}` : `2 * ${q}`)
const plusOne = (q: string): string => (isNumber(q) ? `${Number(q) + 1}` : `${q} + 1`)

/** Units of one block: its numbers, then its scales. */
export const unitsOf = ({ per, group, zero }: Codec): number =>
  (group / per) * blockColumns + (zero === undefined ? 0 : blockLanes)
/** Bytes of a number, scales included. */
export const bytesOf = (codec: Codec): number => (16 * unitsOf(codec)) / (codec.group * blockColumns)

/** The blocks of a matrix. */
export interface Blocks {
  readonly storage: WeightStorage
  readonly codec: Codec
  /** [batch, across, deep, 32]: what the node's shape is, whatever bytes that takes */
  readonly across: number
  readonly deep: number
  readonly groups: number
  readonly node: Applied
}
/** b of a problem in blocks. */
export const blocksOf = (problem: Problem, storage: WeightStorage): Blocks => {
  const { n, k } = problem
  const codec = codecs[storage]
  const deep = Math.ceil(Number(k) / codec.group) * codec.group
  const across = Math.ceil(Number(n) / blockColumns)
  const element = ([batch, panel, kAt, column]: readonly Expr[]): Expr => {
    const nAt = plus(times(panel as Expr, blockColumns), column as Expr)
    const inK = Number(k) === deep ? undefined : compare(kAt as Expr, '<', sizeOf(k))
    const inN = Number(n) === across * blockColumns ? undefined : compare(nAt, '<', sizeOf(n))
    const inside = inK !== undefined && inN !== undefined ? and(inK, inN) : (inK ?? inN)
    const x = problem.elementOfB(batch as Expr, nAt, kAt as Expr)
    return inside === undefined ? x : select(inside, x, literal(0))
  }
  const node = pack([problem.batch, across, deep, blockColumns], element, storage)
  return { storage, codec, across, deep, groups: deep / codec.group, node }
}

/** Can b be kept in blocks, and a be read four k's at a time? */
export const blocksFit = (problem: Problem): boolean => {
  const { context, batch, n, k, a, b } = problem
  const literalSizes = [batch, n, k].every((d: Dim) => typeof d === 'number')
  const large = Number(n) >= blockColumns && Number(k) >= blockColumns
  return literalSizes && large && leavesOf(b).every(context.isFixed) && alongK(problem, a)
}
