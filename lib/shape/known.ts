/** Sizes that tsc knows exactly, for hand-written programs: one whole number, or one plain name; else what is wrong with it. */
import type { Dim, Shape } from './dim.ts'

export type Known<D extends Dim> = number extends D
  ? NotLiteral
  : string extends D
    ? NotLiteral
    : IsUnion<D> extends true
      ? '✗ one of several sizes: give it a name'
      : D extends number
        ? `${D}` extends `${string}${'.' | '-' | 'e'}${string}`
          ? `✗ ${D} is not a whole number`
          : D
        : D extends `${string}${' ' | '+' | '*' | '(' | '.' | '✗'}${string}` | `${number}${string}` | ''
          ? `✗ '${D}' is not a name`
          : D
type NotLiteral = '✗ not a literal: write `as const`, give the size a name, or use inputOf'
export type KnownShape<S extends Shape> = { [K in keyof S]: S[K] extends Dim ? Known<S[K]> : never }
type IsUnion<T, U = T> = T extends unknown ? ([U] extends [T] ? false : true) : never

/** What is wrong with a size that arrives at run time, or undefined. */
export const wrongSize = (d: Dim): string | undefined =>
  typeof d === 'number'
    ? Number.isSafeInteger(d) && d >= 0
      ? undefined
      : `${d} is not a size`
    : /^[A-Za-z_][A-Za-z0-9_]*$/.test(d)
      ? undefined
      : `'${d}' is not a name`
