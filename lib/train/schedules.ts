/** Learning rates by iteration. Loshchilov & Hutter, SGDR: stochastic gradient descent with warm restarts, 2017. */
import type { Schedule } from './optimizer.ts'

export interface CosineOptions {
  /** share of the iterations in which the rate rises from `start` to the base; none unless said */
  readonly warmup?: number
  /** where warming up starts, as a share of the base; 1e-5 unless said */
  readonly start?: number
  /** the rate that a run would end with, one iteration after its last; 0 unless said */
  readonly end?: number
}

/** The same rate throughout. */
export const constantRate =
  (rate: number): Schedule =>
  () =>
    rate

const falling = (from: number, to: number, share: number): number =>
  to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2

/**
 * A linear rise over the first iterations, then half a cosine. With a warm-up of W = trunc(warmup · iterations) of 2 or more, this is
 * what MG-LLaVA and LLaVA-1.5 were trained with; iterations W - 1 and W both have the base rate. Runs too short for two iterations of
 * warm-up begin at the base rate.
 */
export const cosine =
  (base: number, { warmup = 0, start = 1e-5, end = 0 }: CosineOptions = {}): Schedule =>
  (k, iterations) => {
    const rising = Math.trunc(warmup * iterations)
    if (rising < 2) return falling(base, end, k / iterations)
    if (k < rising) return base * (start + ((1 - start) * k) / (rising - 1))
    return falling(base, end, (k - rising) / (iterations - rising))
  }

/**
 * The same as mmengine 0.10.7 gives it, in runs of any length: a warm-up of one iteration (34 to 66 iterations at 0.03) never leaves its
 * start, so that the cosine falls from `start · base`. Throws RangeError where there is no iteration to warm up in, as mmengine does.
 */
export const publishedCosine = (base: number, options: CosineOptions & { readonly warmup: number }): Schedule => {
  const { warmup, start = 1e-5, end = 0 } = options
  const whole = cosine(base, options)
  return (k, iterations) => {
    const rising = Math.trunc(warmup * iterations)
    if (rising >= 2) return whole(k, iterations)
    if (rising === 1) return falling(base * start, end, Math.max(0, k - 1) / (iterations - 1))
    throw new RangeError(
      `a warm-up of ${warmup} of ${iterations} iterations has none: use cosine, or at least ${Math.ceil(1 / warmup)} iterations`,
    )
  }
}
