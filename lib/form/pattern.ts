/**
 * Index maps that signature strings say: from an index of the output to the index of an input. One description serves both readers,
 * the expressions of the compiler and the plain numbers of the references, through the arithmetic that is passed in.
 */
import type { Dim, Shape } from '../shape/index.ts'
import { readSignature, solve } from '../shape/index.ts'
import { rowMajor, unravel, type Expr } from './expr.ts'

type Axis = string | readonly string[]
/** How to join several positions into one (row-major) and to split one into several. */
export interface Arithmetic<T> {
  readonly join: (index: readonly T[], sizes: readonly Dim[]) => T
  readonly split: (position: T, sizes: readonly Dim[]) => readonly T[]
}
export const expressions: Arithmetic<Expr> = { join: rowMajor, split: unravel }
export const numbers: Arithmetic<number> = {
  join: (index, sizes) => index.reduce((at, i, k) => at * Number(sizes[k]) + i, 0),
  split: (position, sizes) => {
    let left = position
    const index: number[] = []
    for (let k = sizes.length - 1; k >= 0; k--) {
      index.unshift(left % Number(sizes[k]))
      left = Math.floor(left / Number(sizes[k]))
    }
    return index
  },
}

/** A signature solved on shapes: every plain name with its size, the rest axes as names of their own. */
export interface Pattern {
  readonly inputs: readonly (readonly Axis[])[]
  readonly output: readonly Axis[]
  readonly size: (name: string) => Dim
  readonly sizesOf: (names: readonly string[]) => readonly Dim[]
}
export const solvePattern = (text: string, given: Readonly<Record<string, Dim>>, shapes: readonly Shape[]): Pattern => {
  const solved = solve(text, given, shapes)
  if ('refusal' in solved) throw new Error(solved.refusal.why)
  const sizes = new Map(solved.sizes)
  const rest = solved.rest.map((d, k) => {
    sizes.set(`...${k}`, d)
    return `...${k}`
  })
  const spread = (axes: readonly Axis[]): readonly Axis[] =>
    axes.flatMap((a): readonly Axis[] => (typeof a === 'string' && a.startsWith('...') ? rest : [a]))
  const signature = readSignature(text)
  const size = (name: string): Dim => sizes.get(name) ?? Number(name)
  return {
    inputs: signature.inputs.map(spread),
    output: spread(signature.output),
    size,
    sizesOf: names => names.map(size),
  }
}
/** Sizes of attributes as numbers. */
export const boundSizes = (sizes: Readonly<Record<string, Dim>>, size: (d: Dim) => number): Record<string, number> =>
  Object.fromEntries(Object.entries(sizes).map(([n, d]) => [n, size(d)]))
/** Plain names of a side, groups opened, in order. */
export const namesOf = (axes: readonly Axis[]): readonly string[] =>
  axes.flatMap(a => (typeof a === 'string' ? [a] : a))

/** The position of every name, from an index along these axes. */
export const positions = <T>(
  arithmetic: Arithmetic<T>,
  pattern: Pattern,
  axes: readonly Axis[],
  index: readonly T[],
): Map<string, T> => {
  const at = new Map<string, T>()
  axes.forEach((axis, k) => {
    if (typeof axis === 'string') at.set(axis, index[k] as T)
    else arithmetic.split(index[k] as T, pattern.sizesOf(axis)).forEach((p, j) => at.set(axis[j] as string, p))
  })
  return at
}
/** The index along these axes, from the position of every name. */
export const indexAlong = <T>(
  arithmetic: Arithmetic<T>,
  pattern: Pattern,
  axes: readonly Axis[],
  at: ReadonlyMap<string, T>,
): readonly T[] =>
  axes.map(axis =>
    typeof axis === 'string'
      ? (at.get(axis) as T)
      : arithmetic.join(
          axis.map(n => at.get(n) as T),
          pattern.sizesOf(axis),
        ),
  )
/** Names with the positions given for them. */
export const zipNames = <T>(names: readonly string[], index: readonly T[]): readonly (readonly [string, T])[] =>
  names.map((n, k) => [n, index[k] as T])
