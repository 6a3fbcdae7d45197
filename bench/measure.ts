/**
 * How the benches time: tasks take turns, round after round, so that whatever else the machine does hits all of them alike, and what is
 * compared is compared within a round. A ratio is the median of the rounds' ratios, never the ratio of two separate measurements.
 */
import { either as E } from 'fp-ts'
import type { Door } from 'sluice'

/** The value behind a door; its error ends the bench. */
export const opened = async <A>(door: Door<A>): Promise<A> => {
  const result = await door()
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}

/** Of at least one number. */
export const median = (numbers: readonly number[]): number => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
/** How many times as long as `base` something took: the median over the rounds that both have. */
export const ratio = (times: readonly number[], base: readonly number[]): number => {
  const rounds = Math.min(times.length, base.length)
  return median(times.slice(0, rounds).map((time, round) => time / base[round]!))
}

/** Milliseconds that one call takes. */
export const timed = async (task: () => Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await task()
  return performance.now() - start
}
/** Milliseconds by task and round; all tasks have their turn in every round. */
export const interleaved = async (
  tasks: readonly (() => Promise<number>)[],
  rounds: number,
  onRound: (round: number) => void = () => undefined,
): Promise<readonly (readonly number[])[]> => {
  const times: number[][] = tasks.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [i, task] of tasks.entries()) times[i]!.push(await task())
    onRound(round + 1)
  }
  return times
}

/** One measurement of a quantity that should not fall as `size` grows. */
export interface Sample {
  readonly size: number
  readonly time: number
}
/** A size that takes longer than a larger one. */
export interface Fall {
  readonly size: number
  readonly larger: number
  readonly ratio: number
}
/** For every size the larger one that takes least, the worst falls first; `samples` in order of size. */
export const falls = (samples: readonly Sample[]): readonly Fall[] => {
  const found: Fall[] = []
  let least: Sample | undefined
  for (const sample of samples.toReversed()) {
    if (least !== undefined) found.push({ size: sample.size, larger: least.size, ratio: sample.time / least.time })
    if (least === undefined || sample.time < least.time) least = sample
  }
  return found.sort((a, b) => b.ratio - a.ratio)
}

/** Three significant figures, and whole numbers as they are. */
export const figure = (n: number): string =>
  Number.isInteger(n) || Math.abs(n) >= 100 ? n.toFixed(0) : Number(n.toPrecision(3)).toString()
