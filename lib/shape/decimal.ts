/**
 * Natural-number arithmetic on number literal types, digit by digit, any size.
 *
 * Internally a number is its decimal digits in a string with the LEAST significant digit first
 * ("577" is "775"), because template-literal inference can only take characters off the front.
 * Every helper is tail-recursive and memoised by tsc per distinct argument list.
 */
import type { Bor0, Bor1, Car0, Car1, CmpD, Dif0, Dif1, Hi, Lo, Sum0, Sum1 } from './tables.ts'

type D = keyof Sum0

type Rev<S extends string, Acc extends string = ''> = S extends `${infer H}${infer T}` ? Rev<T, `${H}${Acc}`> : Acc
type Str<N extends number> = `${N}`
type ToNum<S extends string> = S extends `${infer N extends number}` ? N : never
/** strip most-significant zeros of a big-endian string */
type Strip<S extends string> = S extends `0${infer R}` ? (R extends '' ? '0' : Strip<R>) : S

// ---- little-endian primitives: result little-endian ------------------------------------------
type AddLE<
  A extends string,
  B extends string,
  C extends 0 | 1 = 0,
  Acc extends string = '',
> = A extends `${infer a extends D}${infer AR}`
  ? B extends `${infer b extends D}${infer BR}`
    ? C extends 0
      ? AddLE<AR, BR, Car0[a][b], `${Acc}${Sum0[a][b]}`>
      : AddLE<AR, BR, Car1[a][b], `${Acc}${Sum1[a][b]}`>
    : C extends 0
      ? `${Acc}${A}`
      : AddLE<AR, '', Car1[a]['0'], `${Acc}${Sum1[a]['0']}`>
  : B extends ''
    ? C extends 0
      ? Acc
      : `${Acc}1`
    : C extends 0
      ? `${Acc}${B}`
      : AddLE<B, '', 1, Acc>

/** A - B, for A >= B; may leave most-significant zeros */
type SubLE<
  A extends string,
  B extends string,
  C extends 0 | 1 = 0,
  Acc extends string = '',
> = A extends `${infer a extends D}${infer AR}`
  ? B extends `${infer b extends D}${infer BR}`
    ? C extends 0
      ? SubLE<AR, BR, Bor0[a][b], `${Acc}${Dif0[a][b]}`>
      : SubLE<AR, BR, Bor1[a][b], `${Acc}${Dif1[a][b]}`>
    : C extends 0
      ? `${Acc}${A}`
      : SubLE<AR, '', Bor1[a]['0'], `${Acc}${Dif1[a]['0']}`>
  : Acc

/** most-significant zeros allowed */
type CmpLE<
  A extends string,
  B extends string,
  R extends 'lt' | 'eq' | 'gt' = 'eq',
> = A extends `${infer a extends D}${infer AR}`
  ? B extends `${infer b extends D}${infer BR}`
    ? CmpLE<AR, BR, CmpD[a][b] extends 'eq' ? R : CmpD[a][b]>
    : Zero<A> extends true
      ? R
      : 'gt'
  : Zero<B> extends true
    ? R
    : 'lt'
type Zero<S extends string> = S extends '' ? true : S extends `0${infer R}` ? Zero<R> : false

/** A times one digit */
type MulD<
  A extends string,
  d extends D,
  C extends D = '0',
  Acc extends string = '',
> = A extends `${infer a extends D}${infer AR}`
  ? MulD<AR, d, Car0[Lo[a][d]][C] extends 0 ? Hi[a][d] : Sum0[Hi[a][d]]['1'], `${Acc}${Sum0[Lo[a][d]][C]}`>
  : C extends '0'
    ? Acc
    : `${Acc}${C}`

/** A (little-endian) times B (big-endian), Horner */
type MulH<A extends string, B extends string, Acc extends string = ''> = B extends `${infer b extends D}${infer BR}`
  ? MulH<A, BR, b extends '0' ? (Acc extends '' ? '' : `0${Acc}`) : AddLE<Acc extends '' ? '' : `0${Acc}`, MulD<A, b>>>
  : Acc

// ---- long division ---------------------------------------------------------------------------
/** [quotient digit, remainder] of R / B for R < 10 B, by repeated subtraction */
type DigitQ<R extends string, B extends string, q extends 0[] = []> =
  CmpLE<R, B> extends 'lt' ? [q['length'], R] : DigitQ<SubLE<R, B>, B, [...q, 0]>
type DivLoop<A extends string, B extends string, R extends string, Q extends string> = A extends `${infer a}${infer AR}`
  ? DigitQ<R extends '' ? a : `${a}${R}`, B> extends [infer q extends number, infer R2 extends string]
    ? DivLoop<AR, B, R2, `${Q}${q}`>
    : never
  : [Strip<Q>, R]

// ---- public, on literals ---------------------------------------------------------------------
export type AddN<A extends number, B extends number> = A extends 0
  ? B
  : B extends 0
    ? A
    : ToNum<Rev<AddLE<Rev<Str<A>>, Rev<Str<B>>>>>
export type CmpN<A extends number, B extends number> = A extends B ? 'eq' : CmpLE<Rev<Str<A>>, Rev<Str<B>>>
/** A - B, or never when negative */
export type SubN<A extends number, B extends number> = B extends 0
  ? A
  : CmpN<A, B> extends 'lt'
    ? never
    : ToNum<Strip<Rev<SubLE<Rev<Str<A>>, Rev<Str<B>>>>>>
export type MulN<A extends number, B extends number> = A extends 0
  ? 0
  : B extends 0
    ? 0
    : A extends 1
      ? B
      : B extends 1
        ? A
        : ToNum<Rev<MulH<Rev<Str<A>>, Str<B>>>>
/** [floor(A / B), A mod B] */
export type DivModN<A extends number, B extends number> = B extends 0
  ? never
  : B extends 1
    ? [A, 0]
    : A extends B
      ? [1, 0]
      : DivLoop<Str<A>, Rev<Str<B>>, '', ''> extends [infer Q extends string, infer R extends string]
        ? [ToNum<Q>, ToNum<Strip<Rev<R>>>]
        : never
