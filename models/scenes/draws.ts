/**
 * Random draws for scenes: counter-based, so that scene k of a seed is the same on any machine and does not depend on how many scenes
 * are made, or in which order.
 */
import { randomBits } from '../../lib/graph/initial.ts'

export interface Draws {
  /** uniform in [from, to) */
  readonly between: (from: number, to: number) => number
  /** uniform over 0 … count - 1 */
  readonly below: (count: number) => number
  readonly chance: (probability: number) => boolean
  readonly pick: <A>(from: readonly [A, ...A[]] | readonly A[]) => A
  readonly shuffled: <A>(items: readonly A[]) => readonly A[]
}

/** The draws of stream `k` of a seed, both whole numbers. */
export const draws = (seed: number, k: number): Draws => {
  const key = randomBits(randomBits(0x51ce, seed), k)
  let count = 0
  const unit = (): number => randomBits(key, count++) / 0x100000000
  const below = (n: number): number => Math.floor(unit() * n)
  return {
    between: (from, to) => from + unit() * (to - from),
    below,
    chance: probability => unit() < probability,
    pick: from => from[below(from.length)] as (typeof from)[number],
    shuffled: items => {
      const out = [...items]
      // Fisher-Yates
      for (let i = out.length - 1; i > 0; i--) {
        const j = below(i + 1)
        const [a, b] = [out[i]!, out[j]!]
        out[i] = b
        out[j] = a
      }
      return out
    },
  }
}
