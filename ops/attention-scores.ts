/** What every kernel of attention has to know (fused-attention.ts, attention-of-one-query.ts), and what they say alike. */
import { size, type Shape } from '../lib/index.ts'

/** Shapes of q [..., H, M, D], k [..., G, N, D] and v [..., G, N, E], and how scores are made. */
export interface Fused {
  readonly q: Shape
  readonly k: Shape
  readonly v: Shape
  readonly scale: number
  readonly causal: boolean
  /** the position of the first query: a number, or the position of an input that holds it */
  readonly offset: number | { readonly input: number }
  /** an input that is added to the scores, and its shape, which broadcasts to [..., H, M, N] */
  readonly bias: { readonly input: number; readonly shape: Shape } | undefined
  /** the input of truth values [..., N] that says which keys may be seen */
  readonly keyMask: { readonly input: number } | undefined
}
/** What a masked score becomes: a number whose exponential beside any other score is 0, finite so that a device may compare it. */
export const hidden = -3e38
/** What a key beyond the last scores: nothing, even where all others are hidden. */
export const outside = '-3.4e38'

export type Read = (input: number, index: string) => string
/** The position of the first query, as text. */
export const firstOf = ({ offset }: Fused, read: Read): string =>
  typeof offset === 'number' ? `${offset}` : read(offset.input, '0')
/** Which sequence of a batch `pair` is of, a head of keys in it. */
export const batchOf = ({ k }: Fused): string => {
  const groups = Number(k.at(-3))
  return size.prod(k.slice(0, -3)) === 1 ? '0' : groups === 1 ? 'pair' : `pair / ${groups}`
}
/** Where the mask of a sequence's `n` keys has this one. */
export const maskAt = (fused: Fused, n: string, key: string): string => {
  const batch = batchOf(fused)
  return batch === '0' ? key : `${batch} * ${n} + ${key}`
}

export const range = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i)
/** a + b, where a is text */
export const plus = (a: string, b: number | string): string => (b === 0 || b === '0' ? a : `${a} + ${b}`)
/** Text for each of these, and what stands between. */
export const over = (xs: readonly number[], f: (i: number) => string, between = '\n'): string => xs.map(f).join(between)
