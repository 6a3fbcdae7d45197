/**
 * A dimension is a number literal (577) or a symbolic expression kept as a string literal in
 * normal form ('boxes', '576 + boxes + text', '49*boxes').
 *
 * Normal form: a polynomial with positive integer coefficients; terms joined by ' + ', constant
 * first, then monomials in alphabetical order; a monomial is its coefficient (left out when 1) and
 * its factors in alphabetical order, joined by '*'. Anything that is not a polynomial is one opaque
 * factor in a spelling without ' + ' or '*': 'floor((h-14)/14)'. Two expressions are the same size if they
 * are the same string.
 *
 * The run-time twin of every type here is the function of the same name, lower-cased, in dim-arithmetic.ts.
 */
import type { AddN, CmpN, DivModN, MulN, SubN } from './decimal.ts'

/*
 * Each public function is written `XI<...> extends infer R extends Dim ? R : never`: when an argument is still a type
 * parameter tsc asks for the constraint of the result, and this way the answer is Dim at once, without walking the
 * arithmetic (10 times fewer instantiations).
 */
export type Dim = number | string
export type Shape = readonly Dim[]

/** A dimension that cannot exist. It is still a Dim, so shapes keep their rank and the message travels with them. */
export type DimError<Msg extends string> = `✗ ${Msg}`

// ---------------------------------------------------------------------------------------------
type Term = [coef: number, mono: string]
type ParseTerm<T extends string> = T extends `${infer N extends number}*${infer M}`
  ? [N, M]
  : T extends `${infer N extends number}`
    ? [N, '']
    : [1, T]
type Parse<S extends Dim, Acc extends Term[] = []> = S extends number
  ? S extends 0
    ? []
    : [[S, '']]
  : S extends `${infer T} + ${infer R}`
    ? Parse<R, [...Acc, ParseTerm<T>]>
    : S extends string
      ? [...Acc, ParseTerm<S>]
      : never

type PrintTerm<C extends number, M extends string> = M extends '' ? `${C}` : C extends 1 ? M : `${C}*${M}`
type PrintRest<Ts, Acc extends string> = Ts extends [[infer C extends number, infer M extends string], ...infer R]
  ? PrintRest<R, `${Acc} + ${PrintTerm<C, M>}`>
  : Acc
type Print<Ts> = Ts extends []
  ? 0
  : Ts extends [[infer C extends number, '']]
    ? C
    : Ts extends [[infer C extends number, infer M extends string], ...infer R]
      ? PrintRest<R, PrintTerm<C, M>>
      : never

// ---- alphabetical order -----------------------------------------------------------------------
type Order = `()*+,-./0123456789<=>ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz·`
/** does A come before B (A and B differ) */
type Before<A extends string, B extends string> = A extends ''
  ? true
  : B extends ''
    ? false
    : A extends `${infer a}${infer AR}`
      ? B extends `${infer b}${infer BR}`
        ? a extends b
          ? Before<AR, BR>
          : Order extends `${string}${a}${string}${b}${string}`
            ? true
            : false
        : false
      : true

// ---- sums ---------------------------------------------------------------------------------------
type Merge<A, B, Acc extends Term[] = []> = A extends [[infer ca extends number, infer ma extends string], ...infer AR]
  ? B extends [[infer cb extends number, infer mb extends string], ...infer BR]
    ? ma extends mb
      ? Merge<AR, BR, [...Acc, [AddN<ca, cb>, ma]]>
      : Before<ma, mb> extends true
        ? Merge<AR, B, [...Acc, [ca, ma]]>
        : Merge<A, BR, [...Acc, [cb, mb]]>
    : [...Acc, ...A]
  : B extends unknown[]
    ? [...Acc, ...B]
    : never

/** a + b */
export type Add<A extends Dim, B extends Dim> = AddI<A, B> extends infer R extends Dim ? R : never
type AddI<A extends Dim, B extends Dim> = A extends `✗${string}`
  ? A
  : B extends `✗${string}`
    ? B
    : A extends number
      ? B extends number
        ? number extends A | B
          ? number
          : AddN<A, B>
        : AddSym<A, B>
      : AddSym<A, B>
type AddSym<A extends Dim, B extends Dim> = string extends A
  ? string
  : string extends B
    ? string
    : number extends A
      ? string
      : number extends B
        ? string
        : Print<Merge<Parse<A>, Parse<B>>>

/** sum of a list */
export type Sum<L extends Shape, Acc extends Dim = 0> = SumI<L, Acc> extends infer R extends Dim ? R : never
type SumI<L extends Shape, Acc extends Dim = 0> = L extends readonly [infer H extends Dim, ...infer R extends Shape]
  ? SumI<R, Add<Acc, H>>
  : Acc

// ---- products ------------------------------------------------------------------------------------
type Factors<M extends string, Acc extends string[] = []> = M extends ''
  ? Acc
  : M extends `${infer F}*${infer R}`
    ? Factors<R, [...Acc, F]>
    : [...Acc, M]
type MergeF<A, B, Acc extends string = ''> = A extends [infer a extends string, ...infer AR]
  ? B extends [infer b extends string, ...infer BR]
    ? a extends b
      ? MergeF<AR, B, JoinF<Acc, a>>
      : Before<a, b> extends true
        ? MergeF<AR, B, JoinF<Acc, a>>
        : MergeF<A, BR, JoinF<Acc, b>>
    : MergeF<AR, B, JoinF<Acc, a>>
  : B extends [infer b extends string, ...infer BR]
    ? MergeF<A, BR, JoinF<Acc, b>>
    : Acc
type JoinF<Acc extends string, F extends string> = Acc extends '' ? F : `${Acc}*${F}`
type MulMono<A extends string, B extends string> = A extends '' ? B : B extends '' ? A : MergeF<Factors<A>, Factors<B>>

type MulTerm<C extends number, M extends string, B, Acc extends Term[] = []> = B extends [
  [infer cb extends number, infer mb extends string],
  ...infer BR,
]
  ? MulTerm<C, M, BR, Merge<Acc, [[MulN<C, cb>, MulMono<M, mb>]]>>
  : Acc
type MulTerms<A, B, Acc extends Term[] = []> = A extends [
  [infer ca extends number, infer ma extends string],
  ...infer AR,
]
  ? MulTerms<AR, B, Merge<Acc, MulTerm<ca, ma, B>>>
  : Acc

/** a * b */
export type Mul<A extends Dim, B extends Dim> = MulI<A, B> extends infer R extends Dim ? R : never
type MulI<A extends Dim, B extends Dim> = A extends `✗${string}`
  ? A
  : B extends `✗${string}`
    ? B
    : A extends number
      ? B extends number
        ? number extends A | B
          ? number
          : MulN<A, B>
        : MulSym<A, B>
      : MulSym<A, B>
type MulSym<A extends Dim, B extends Dim> = string extends A
  ? string
  : string extends B
    ? string
    : number extends A
      ? string
      : number extends B
        ? string
        : Print<MulTerms<Parse<A>, Parse<B>>>

/** product of a list */
export type Prod<L extends Shape, Acc extends Dim = 1> = ProdI<L, Acc> extends infer R extends Dim ? R : never
type ProdI<L extends Shape, Acc extends Dim = 1> = L extends readonly [infer H extends Dim, ...infer R extends Shape]
  ? ProdI<R, Mul<Acc, H>>
  : Acc

// ---- difference -----------------------------------------------------------------------------------
type SubTerms<A, B, Acc extends Term[] = []> = B extends [
  [infer cb extends number, infer mb extends string],
  ...infer BR,
]
  ? A extends [[infer ca extends number, infer ma extends string], ...infer AR]
    ? ma extends mb
      ? [SubN<ca, cb>] extends [never]
        ? never
        : SubTerms<AR, BR, SubN<ca, cb> extends 0 ? Acc : [...Acc, [SubN<ca, cb>, ma]]>
      : SubTerms<AR, B, [...Acc, [ca, ma]]>
    : never
  : A extends Term[]
    ? [...Acc, ...A]
    : never

/** a - b; an opaque factor 'sub(a,b)' when b does not visibly fit into a */
export type Sub<A extends Dim, B extends Dim> = SubI<A, B> extends infer R extends Dim ? R : never
type SubI<A extends Dim, B extends Dim> = A extends `✗${string}`
  ? A
  : B extends `✗${string}`
    ? B
    : A extends number
      ? B extends number
        ? number extends A | B
          ? number
          : [SubN<A, B>] extends [never]
            ? DimError<`${A} - ${B} is negative`>
            : SubN<A, B>
        : SubSym<A, B>
      : SubSym<A, B>
type SubSym<A extends Dim, B extends Dim> = string extends A
  ? string
  : string extends B
    ? string
    : number extends A
      ? string
      : number extends B
        ? string
        : [SubTerms<Parse<A>, Parse<B>>] extends [never]
          ? `sub(${Inner<A>},${Inner<B>})`
          : Print<SubTerms<Parse<A>, Parse<B>>>

/** spelling of an expression inside an opaque factor: no ' + ' and no '*' */
type Inner<A extends Dim> = Replace<Replace<`${A}`, ' + ', '+'>, '*', '·'>
type Replace<
  S extends string,
  F extends string,
  T extends string,
  Acc extends string = '',
> = S extends `${infer H}${F}${infer R}` ? Replace<R, F, T, `${Acc}${H}${T}`> : `${Acc}${S}`

// ---- division ---------------------------------------------------------------------------------------
type RemoveF<Fs extends string[], F extends string, Acc extends string[] = []> = Fs extends [
  infer H extends string,
  ...infer R extends string[],
]
  ? H extends F
    ? [...Acc, ...R]
    : RemoveF<R, F, [...Acc, H]>
  : never
type DivMono<A extends string[], B extends string[]> = B extends [infer H extends string, ...infer R extends string[]]
  ? [RemoveF<A, H>] extends [never]
    ? never
    : DivMono<RemoveF<A, H>, R>
  : JoinAll<A>
type JoinAll<A extends string[], Acc extends string = ''> = A extends [
  infer H extends string,
  ...infer R extends string[],
]
  ? JoinAll<R, JoinF<Acc, H>>
  : Acc
/** every term of A divided by the one term [C, M], or never */
type DivTerms<A, C extends number, M extends string, Acc extends Term[] = []> = A extends [
  [infer ca extends number, infer ma extends string],
  ...infer AR,
]
  ? DivModN<ca, C> extends [infer q extends number, 0]
    ? [DivMono<Factors<ma>, Factors<M>>] extends [never]
      ? never
      : DivTerms<AR, C, M, [...Acc, [q, DivMono<Factors<ma>, Factors<M>>]]>
    : never
  : Acc

/** a / b, exact. An error for literals that do not divide; the opaque 'div(a,b)', checked at build time, when it cannot be seen. */
export type Div<A extends Dim, B extends Dim> = DivI<A, B> extends infer R extends Dim ? R : never
type DivI<A extends Dim, B extends Dim> = A extends `✗${string}`
  ? A
  : B extends `✗${string}`
    ? B
    : A extends number
      ? B extends number
        ? number extends A | B
          ? number
          : B extends 0
            ? DimError<'division by 0'>
            : DivModN<A, B> extends [infer Q, infer R]
              ? R extends 0
                ? Q
                : DimError<`${A} is not divisible by ${B}`>
              : never
        : DivSym<A, B>
      : DivSym<A, B>
type DivSym<A extends Dim, B extends Dim> = string extends A
  ? string
  : string extends B
    ? string
    : number extends A
      ? string
      : number extends B
        ? string
        : B extends 1
          ? A
          : A extends B
            ? 1
            : Parse<B> extends [[infer C extends number, infer M extends string]]
              ? [DivTerms<Parse<A>, C, M>] extends [never]
                ? `div(${Inner<A>},${Inner<B>})`
                : Print<DivTerms<Parse<A>, C, M>>
              : `div(${Inner<A>},${Inner<B>})`

/** floor(a / b) */
export type FloorDiv<A extends Dim, B extends Dim> = FloorDivI<A, B> extends infer R extends Dim ? R : never
type FloorDivI<A extends Dim, B extends Dim> = A extends `✗${string}`
  ? A
  : B extends `✗${string}`
    ? B
    : A extends number
      ? B extends number
        ? number extends A | B
          ? number
          : B extends 0
            ? DimError<'division by 0'>
            : DivModN<A, B> extends [infer Q extends number, unknown]
              ? Q
              : never
        : FloorSym<A, B>
      : FloorSym<A, B>
type FloorSym<A extends Dim, B extends Dim> = string extends A
  ? string
  : string extends B
    ? string
    : number extends A
      ? string
      : number extends B
        ? string
        : B extends 1
          ? A
          : DivSym<A, B> extends `div(${string}`
            ? `floor(${Inner<A>},${Inner<B>})`
            : DivSym<A, B>

/** output size of a convolution or pooling window: floor((h + 2p - k) / s) + 1 */
export type Conv<H extends Dim, K extends number, S extends number = 1, P extends number = 0> =
  ConvI<H, K, S, P> extends infer R extends Dim ? R : never
type ConvI<H extends Dim, K extends number, S extends number = 1, P extends number = 0> = H extends `✗${string}`
  ? H
  : H extends number
    ? number extends H | K | S | P
      ? number
      : CmpN<AddN<H, MulN<2, P>>, K> extends 'lt'
        ? DimError<`window ${K} does not fit ${H} with padding ${P}`>
        : S extends 0
          ? DimError<'stride 0'>
          : DivModN<SubN<AddN<H, MulN<2, P>>, K>, S> extends [infer Q extends number, unknown]
            ? AddN<Q, 1>
            : never
    : FloorDiv<Sub<Add<H, AddN<MulN<2, P>, S>>, K>, S> // the same number; keeps 'h' for a 'same' window

/** 'a' where both are the same size; an error otherwise */
export type Same<A extends Dim, B extends Dim> = A extends B ? A : DimError<`${A} is not ${B}`>

/** A where B divides it, or an error in its place: for the parameter side of a signature. A and H must stand bare in a branch, so that tsc can infer them. */
export type Divisible<A extends Dim, B extends Dim> =
  Div<A, B> extends infer Q ? (Q extends `✗ ${string}` ? Q : A) : never
/** H where a window of K fits, or an error in its place */
export type Fits<H extends Dim, K extends number, P extends number | 'same'> = P extends number ? Window<H, K, P> : H
// a named type of its own, so that messages print Window<H, 14, 0> and not the condition
export type Window<H extends Dim, K extends number, P extends number> = H extends number
  ? number extends H | K | P
    ? H
    : CmpN<AddN<H, MulN<2, P>>, K> extends 'lt'
      ? DimError<`window ${K} does not fit ${H} with padding ${P}`>
      : H
  : H
