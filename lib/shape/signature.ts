/**
 * Shape signatures: ONE string per op, read twice - by the types below when tsc runs, by signature-check.ts when the
 * graph is built.
 *
 *   '...s i -> ...s o'                       linear       (i, o given)
 *   '...s m k, ...s k n -> ...s m n'         matmul
 *   'n (h d) -> h n d'                       split heads  (h given; d is solved as a division)
 *   'c h w -> (h w) c'                       flatten      (a product)
 *   'a ...s, b ...s -> a+b ...s'             join         (a sum)
 *
 * An axis is a name, a number, '...name' (any number of axes; one name per signature), a group '(a b)', or,
 * on the right, a sum 'a+b'. Names that the caller gives a size to are constants; every other name is a type
 * parameter of the resulting function, so tsc INFERS it and reports a mismatch as two shapes.
 */
import type { Add, Dim, Div, Divisible, Mul, Shape } from './dim.ts'

// ---- reading ----------------------------------------------------------------------------------------
export type Trim<S extends string> = S extends ` ${infer R}` ? Trim<R> : S extends `${infer R} ` ? Trim<R> : S
type Words<S extends string, Acc extends string[] = []> = S extends `${infer W} ${infer R}`
  ? Words<R, W extends '' ? Acc : [...Acc, W]>
  : S extends ''
    ? Acc
    : [...Acc, S]
/** an axis is a string, or a list of strings for a group */
export type Axis = string | string[]
export type Axes<S extends string, Acc extends Axis[] = []> = S extends `(${infer G})${infer R}`
  ? Axes<Trim<R>, [...Acc, Words<Trim<G>>]>
  : S extends `${infer W} ${infer R}`
    ? Axes<Trim<R>, [...Acc, W]>
    : S extends ''
      ? Acc
      : [...Acc, S]
export type Sides<S extends string, Acc extends Axis[][] = []> = S extends `${infer L},${infer R}`
  ? Sides<R, [...Acc, Axes<Trim<L>>]>
  : [...Acc, Axes<Trim<S>>]
/** how a name gets its value: type parameter number i; a size given by the caller; type parameter i divided by known factors */
//   number | 'given' | { slot: number; group: string[]; over: string[] }

// ---- planning: give every free name a type parameter -----------------------------------------------------
type Inc = [1, 2, 3, 4, 5, 6, 7, 8, 9]
type PlanAxes<As, G extends string, E, N extends number, X extends string, L extends string[]> = As extends [
  infer A,
  ...infer R,
]
  ? A extends `...${infer V}`
    ? PlanAxes<R, G, E, N, V, L>
    : A extends `${number}`
      ? PlanAxes<R, G, E, N, X, L>
      : A extends string
        ? A extends G
          ? PlanAxes<R, G, E & Record<A, 'given'>, N, X, L>
          : A extends keyof E
            ? PlanAxes<R, G, E, N, X, L>
            : PlanAxes<R, G, E & Record<A, N>, Inc[N], X, [...L, A]>
        : A extends string[]
          ? Unknowns<A, G | (keyof E & string)> extends infer U
            ? U extends []
              ? PlanAxes<R, G, E & Record<A[number] & G, 'given'>, N, X, L>
              : U extends [infer u extends string]
                ? PlanAxes<
                    R,
                    G,
                    E & Record<A[number] & G, 'given'> & Record<u, { slot: N; group: A; over: Without<A, u> }>,
                    Inc[N],
                    X,
                    [...L, u]
                  >
                : { bad: `'(${Join<A>})': give a size to all but one of its axes` }
            : never
          : never
  : { env: E; count: N; rest: X; names: L }
type Unknowns<A, K extends string, Acc extends string[] = []> = A extends [infer H extends string, ...infer R]
  ? Unknowns<R, K, H extends K | `${number}` ? Acc : [...Acc, H]>
  : Acc
type Without<A, u extends string, Acc extends string[] = []> = A extends [infer H extends string, ...infer R]
  ? Without<R, u, H extends u ? Acc : [...Acc, H]>
  : Acc
type Join<A, Acc extends string = ''> = A extends [infer H extends string, ...infer R]
  ? Join<R, Acc extends '' ? H : `${Acc} ${H}`>
  : Acc
type PlanIns<Is, G extends string, E, N extends number, X extends string, L extends string[]> = Is extends [
  infer I,
  ...infer R,
]
  ? PlanAxes<I, G, E, N, X, L> extends infer P
    ? P extends {
        env: infer E2
        count: infer N2 extends number
        rest: infer X2 extends string
        names: infer L2 extends string[]
      }
      ? PlanIns<R, G, E2, N2, X2, L2>
      : P
    : never
  : { env: E; count: N; rest: X; names: L }

/** names on the right that nothing on the left or in the sizes defines */
type Loose<As, K> = As extends [infer A, ...infer R]
  ? A extends `...${string}` | `${number}`
    ? Loose<R, K>
    : A extends `${infer a}+${infer b}`
      ? a extends K | `${number}`
        ? b extends K | `${number}`
          ? Loose<R, K>
          : b
        : a
      : A extends string
        ? A extends K
          ? Loose<R, K>
          : A
        : A extends string[]
          ? Exclude<A[number], K | `${number}`> extends infer L extends string
            ? [L] extends [never]
              ? Loose<R, K>
              : L
            : never
          : never
  : never

export type PlanOf<Sig extends string, G extends string> = Sig extends `${infer L}->${infer R}`
  ? PlanIns<Sides<L>, G, {}, 0, '', []> extends infer P
    ? P extends { env: infer E; count: infer N; rest: infer X; names: infer L2 }
      ? [Loose<Axes<Trim<R>>, keyof E | G>] extends [never]
        ? { ins: Sides<L>; out: Axes<Trim<R>>; slots: E; count: N; rest: X; names: L2 }
        : { bad: `'${Loose<Axes<Trim<R>>, keyof E | G>}' is not defined on the left of '${Sig}'` }
      : P
    : never
  : { bad: `'${Sig}' has no '->'` }

// ---- evaluating -------------------------------------------------------------------------------------------
export type Sizes = Readonly<Record<string, Dim>>
/**
 * The sizes as an intersection of Records. The argument's own object type is new at every call site; this one is the
 * same type for the same sizes, so tsc evaluates a signature once per program and not once per call.
 */
export type Canon<Z> = [keyof Z] extends [never] ? {} : Meet<{ [K in keyof Z]: Record<K, Z[K]> }[keyof Z]>
type Meet<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I extends Sizes) => void ? I : never
export interface AnyPlan {
  ins: Axis[][]
  out: Axis[]
  slots: object
  count: number
  rest: string
  names: string[]
}

/** the size of one name: a number, a given size, a type parameter, or a type parameter divided by known factors */
type Name<A extends string, P extends AnyPlan, Z extends Sizes, V extends Shape> = A extends `${infer N extends number}`
  ? N
  : A extends keyof Z
    ? Z[A]
    : A extends keyof P['slots']
      ? P['slots'][A] extends infer s
        ? s extends number
          ? V[s]
          : s extends { slot: infer i extends number; over: infer O extends string[] }
            ? Div<V[i], Product<O, P, Z, V>>
            : never
        : never
      : never
type Product<Ns extends string[], P extends AnyPlan, Z extends Sizes, V extends Shape> = Ns extends [
  infer H extends string,
  ...infer R extends string[],
]
  ? Times<R, P, Z, V, Name<H, P, Z, V>>
  : 1
type Times<Ns extends string[], P extends AnyPlan, Z extends Sizes, V extends Shape, Acc extends Dim> = Ns extends [
  infer H extends string,
  ...infer R extends string[],
]
  ? Times<R, P, Z, V, Mul<Acc, Name<H, P, Z, V>>>
  : Acc

/** a group on the left: the type parameter that stands for the whole of it (which must divide), or the product when all is known */
type GroupIn<
  A extends string[],
  P extends AnyPlan,
  Z extends Sizes,
  V extends Shape,
  Rs extends string[] = A,
> = Rs extends [infer H extends string, ...infer R extends string[]]
  ? H extends keyof P['slots']
    ? P['slots'][H] extends { slot: infer i extends number; group: A; over: infer O extends string[] }
      ? Divisible<V[i], Product<O, P, Z, V>>
      : GroupIn<A, P, Z, V, R>
    : GroupIn<A, P, Z, V, R>
  : Product<A, P, Z, V>

/** left-hand shape. K: names an earlier input has fixed already, not to be inferred again */
export type InShape<
  As extends Axis[],
  P extends AnyPlan,
  Z extends Sizes,
  V extends Shape,
  S extends Shape,
  K extends string = never,
  Acc extends Shape = [],
> = As extends [`...${string}`]
  ? Acc extends []
    ? S
    : [...Acc, ...S]
  : As extends [infer A, ...infer R extends Axis[]]
    ? A extends `...${string}`
      ? InShape<R, P, Z, V, S, K, [...Acc, ...S]>
      : A extends string
        ? InShape<R, P, Z, V, S, K, [...Acc, A extends K ? NoInfer<Name<A, P, Z, V>> : Name<A, P, Z, V>]>
        : A extends string[]
          ? InShape<R, P, Z, V, S, K, [...Acc, GroupIn<A, P, Z, V>]>
          : never
    : Acc
export type OutShape<
  As extends Axis[],
  P extends AnyPlan,
  Z extends Sizes,
  V extends Shape,
  S extends Shape,
  Acc extends Shape = [],
> = As extends [`...${string}`]
  ? Acc extends []
    ? S
    : [...Acc, ...S]
  : As extends [infer A, ...infer R extends Axis[]]
    ? A extends `...${string}`
      ? OutShape<R, P, Z, V, S, [...Acc, ...S]>
      : A extends `${infer a}+${infer b}`
        ? OutShape<R, P, Z, V, S, [...Acc, Add<Name<a, P, Z, V>, Name<b, P, Z, V>>]>
        : A extends string
          ? OutShape<R, P, Z, V, S, [...Acc, Name<A, P, Z, V>]>
          : A extends string[]
            ? OutShape<R, P, Z, V, S, [...Acc, Product<A, P, Z, V>]>
            : never
    : Acc

export type Names<As extends Axis[], Acc extends string = never> = As extends [infer A, ...infer R extends Axis[]]
  ? Names<R, Acc | (A extends string[] ? A[number] : A & string)>
  : Acc

/** the signature itself, or what is wrong with it */
export type CheckSig<Sig extends string, G extends string = never> =
  PlanOf<Sig, G> extends { bad: infer M extends string } ? `✗ ${M}` : Sig
