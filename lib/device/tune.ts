/**
 * Measures which schedule is fastest for a product on a device, where the compiler can only estimate: every schedule that fits makes the
 * product, must come to what the estimate's choice comes to, within the tolerance of sums, and is timed by timestamps of the device.
 * Another than the estimate's choice is taken where it is clearly faster.
 */
import { either as E } from 'fp-ts'
import { differs, limits } from '../check/tolerances.ts'
import { lower } from '../compile/lower.ts'
import type { DeviceProfile, WeightStorage } from '../compile/pass.ts'
import { interrupted, type Door, type SluiceError } from '../errors.ts'
import type { AnyTensor, Feeds, Value } from '../graph/index.ts'
import type { Device } from './device.ts'
import { compile } from './run.ts'

/** A graph that contains one product, and what to feed it. */
export interface Product {
  readonly name: string
  readonly of: AnyTensor
  readonly feeds: Feeds
  /** how its weights are stored; f32 unless said */
  readonly storage?: WeightStorage
}
/** What a schedule did: its median time, or why it is out of the question. */
export interface Candidate {
  readonly schedule: string
  readonly milliseconds: number
  readonly refused?: string
}
export interface Tuned {
  readonly product: string
  /** the class of products that it stands for */
  readonly products: string
  /** the estimate's choice first */
  readonly candidates: readonly [Candidate, ...Candidate[]]
  readonly chosen: string
}
export interface TuneOptions {
  /** so many schedules are measured, of so many, as far as they are known; the next one is of this product */
  readonly onProgress?: (done: number, of: number, product: string) => void
  readonly signal?: AbortSignal
}

const rounds = 5
/** so much of the time of the estimate's choice that another may take at most, since times vary from run to run */
const atMost = 0.95
/** so many times the fastest: it is not timed again */
const hopeless = 3

/** The fastest of those that are right, if it is clearly faster than the first. */
export const choiceOf = (candidates: readonly [Candidate, ...Candidate[]]): string => {
  const right = candidates.filter(({ refused }) => refused === undefined)
  const best = right.reduce((a, b) => (b.milliseconds < a.milliseconds ? b : a), candidates[0])
  return best.milliseconds <= atMost * candidates[0].milliseconds ? best.schedule : candidates[0].schedule
}
/** A result that is not that of the estimate's choice: why. */
export const refusalOf = (got: Value, wanted: Value): string | undefined =>
  differs(got, wanted, limits('accumulate', wanted))

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] as number

/** One schedule for the product: its result, and its time unless it is hopeless. */
const measure = async (
  device: Device,
  { of, feeds, storage = 'f32' }: Product,
  choose: NonNullable<DeviceProfile['choose']>,
  best: number,
  signal: AbortSignal | undefined,
): Promise<E.Either<SluiceError, { readonly value: Value; readonly milliseconds: number }>> => {
  const until = signal === undefined ? {} : { signal }
  const program = await compile(
    { y: of },
    { ...until, storage, device: { ...device, profile: { ...device.profile, choose } } },
  )()
  if (E.isLeft(program)) return program
  const { run, profile, dispose } = program.right
  const timed = async () => {
    const values = await run(feeds, until)()
    if (E.isLeft(values)) return values
    const times: number[] = []
    for (let round = 0; round < rounds; round++) {
      const passes = await profile(feeds, { ...until, rounds: 1, how: 'timestamps' })()
      if (E.isLeft(passes)) return passes
      times.push(passes.right.milliseconds)
      if (passes.right.milliseconds > hopeless * best) break
    }
    return E.right({ value: values.right.y as Value, milliseconds: median(times) })
  }
  const result = await timed()
  dispose()
  return result
}

const tuneOne = async (
  device: Device,
  product: Product,
  signal: AbortSignal | undefined,
  before: (schedule: number, of: number) => void,
): Promise<E.Either<SluiceError, Tuned>> => {
  let products = ''
  let fitting: readonly string[] = []
  // what the product's own kernel asks; one that is made in parts asks about these too
  const choose = (of: string, names: readonly string[]): undefined => {
    if (fitting.length > 0) return
    products = of
    fitting = names
  }
  lower({ y: product.of }, { profile: { ...device.profile, choose }, weights: product.storage ?? 'f32' })
  const candidates: Candidate[] = []
  let wanted: Value | undefined
  for (const [i, schedule] of fitting.entries()) {
    before(i, fitting.length)
    const best = Math.min(...candidates.filter(c => c.refused === undefined).map(c => c.milliseconds))
    const measured = await measure(device, product, () => schedule, best, signal)
    if (signal?.aborted === true) return E.left(interrupted('tuning'))
    if (E.isLeft(measured) && wanted === undefined) return measured
    if (E.isLeft(measured)) {
      candidates.push({ schedule, milliseconds: Number.POSITIVE_INFINITY, refused: measured.left.message })
      continue
    }
    const { value, milliseconds } = measured.right
    wanted ??= value
    const refused = refusalOf(value, wanted)
    candidates.push({ schedule, milliseconds, ...(refused === undefined ? {} : { refused }) })
  }
  const [first, ...others] = candidates as [Candidate, ...Candidate[]]
  return E.right({
    product: product.name,
    products,
    candidates: [first, ...others],
    chosen: choiceOf([first, ...others]),
  })
}

/**
 * What was measured for every product, in order; nothing where the device has no timestamps, and estimates stay.
 * Errors: those of `compile` and `run` with the estimate's choice, and `interrupted`.
 */
export const tune =
  (device: Device, products: readonly Product[], options: TuneOptions = {}): Door<readonly Tuned[]> =>
  async () => {
    const { onProgress = () => undefined, signal } = options
    const tuned: Tuned[] = []
    for (const [i, product] of device.profile.timestamps ? products.entries() : []) {
      const one = await tuneOne(device, product, signal, (k, of) =>
        onProgress(i + k / of, products.length, product.name),
      )
      if (E.isLeft(one)) return one
      tuned.push(one.right)
    }
    return E.right(tuned)
  }

/** The schedules that were chosen against the estimate, by class of products. */
export const chosenSchedules = (tuned: readonly Tuned[]): ReadonlyMap<string, string> =>
  new Map(
    tuned.flatMap(({ products, candidates, chosen }) =>
      chosen === candidates[0].schedule ? [] : [[products, chosen] as const],
    ),
  )
