/**
 * How golden cases are judged: what a case is, the verdicts, and the comparison of what was computed with what is
 * expected. A case is a list of stages in the order in which they are computed, so that the first one that diverges says
 * where the fault is. Limits come from the reference data and nowhere else.
 */
import type { GoldenTensor } from './tensors.ts'

export const areas = ['ops', 'vision', 'mg-llava', 'training', 'detect', 'eval'] as const
export type Area = (typeof areas)[number]

export interface GoldenCase {
  /** the path from the root, and where one file holds many cases the rest of the name */
  readonly name: string
  readonly area: Area
  /** cases of one group are checked together, in one process, and on a device in as few programs as possible */
  readonly group: string
  readonly folder: string
  /** the name of the case within its folder, where that holds many */
  readonly within: readonly string[]
}

export type Verdict =
  | { readonly verdict: 'passed' }
  | { readonly verdict: 'failed'; readonly why: string }
  | { readonly verdict: 'skipped'; readonly why: string }
export const passed: Verdict = { verdict: 'passed' }
export const failed = (why: string): Verdict => ({ verdict: 'failed', why })
export const skipped = (why: string): Verdict => ({ verdict: 'skipped', why })

/** Thrown where a case needs what does not exist yet: the case is listed as skipped, with this reason. */
export class Unsupported extends Error {}

/** The verdict of a check that returns what is wrong, if anything, and may throw. */
export const judged = async (check: () => Promise<string | undefined>): Promise<Verdict> => {
  try {
    const wrong = await check()
    return wrong === undefined ? passed : failed(wrong)
  } catch (error) {
    if (error instanceof Unsupported) return skipped(error.message)
    return failed(error instanceof Error ? error.message : String(error))
  }
}

/** A result passes when |got - wanted| <= atol + rtol * |wanted| everywhere. */
export interface Limits {
  readonly atol: number
  readonly rtol: number
}
export const exactly: Limits = { atol: 0, rtol: 0 }

export interface Numbers {
  readonly shape: readonly number[]
  readonly data: ArrayLike<number>
}
export interface Stage {
  readonly stage: string
  readonly wanted: Numbers & { readonly dtype?: string }
  readonly got: Numbers
  readonly limits: Limits
}

/** The first stage that diverges, with the worst difference in it. */
export const firstDivergence = (stages: readonly Stage[]): string | undefined => {
  for (const stage of stages) {
    const wrong = divergence(stage)
    if (wrong !== undefined) return `${stage.stage}: ${wrong}`
  }
  return undefined
}

/** The worst difference beyond the limits. Infinities and not-a-numbers must be in the same places. */
const divergence = ({ wanted, got, limits: { atol, rtol } }: Stage): string | undefined => {
  if (got.shape.join() !== wanted.shape.join())
    return `shape [${got.shape.join(', ')}], should be [${wanted.shape.join(', ')}]`
  if (got.data.length !== wanted.data.length) return `${got.data.length} numbers, should be ${wanted.data.length}`
  // a golden F32 was rounded once from float64
  const rounded = wanted.dtype === 'F32' ? Math.fround : (x: number) => x
  let [count, worst, at] = [0, 0, -1]
  for (let i = 0; i < wanted.data.length; i++) {
    const [a, b] = [rounded(got.data[i]!), wanted.data[i]!]
    if (Object.is(a, b) || a === b) continue
    const allowed = atol + rtol * Math.abs(b)
    const off = Math.abs(a - b)
    if (off <= allowed && Number.isFinite(off)) continue
    count++
    const excess = Number.isFinite(off) ? off / Math.max(allowed, Number.MIN_VALUE) : Number.POSITIVE_INFINITY
    if (at < 0 || excess > worst) [worst, at] = [excess, i]
  }
  if (at < 0) return undefined
  const [a, b] = [rounded(got.data[at]!), wanted.data[at]!]
  const allowed = atol + rtol * Math.abs(b)
  const off = allowed === 0 ? '' : `, off by ${short(Math.abs(a - b))} where ${short(allowed)} is allowed`
  const others = count === 1 ? '' : `; ${count} of ${wanted.data.length} are off`
  return `[${placeOf(at, wanted.shape).join(', ')}] is ${a}, should be ${b}${off}${others}`
}
const short = (x: number): string => x.toPrecision(3)
const placeOf = (at: number, shape: readonly number[]): readonly number[] => {
  const place: number[] = []
  for (const n of [...shape].reverse()) {
    place.unshift(at % n)
    at = Math.floor(at / n)
  }
  return place
}

/** Every tensor of a golden file under a prefix, without it. */
export const under = (tensors: ReadonlyMap<string, GoldenTensor>, prefix: string): ReadonlyMap<string, GoldenTensor> =>
  new Map([...tensors].filter(([name]) => name.startsWith(prefix)).map(([name, x]) => [name.slice(prefix.length), x]))
