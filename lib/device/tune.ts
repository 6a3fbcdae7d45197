/**
 * Measures which schedule is fastest for a product on a device, where the compiler can only estimate: every schedule that fits makes the
 * product, must come to what the estimate's choice comes to, within the tolerance of sums, and is timed by timestamps of the device.
 * Another than the estimate's choice is taken where it is clearly faster. All take turns, round after round, since a device changes its
 * clock meanwhile: a GPU that had little to do for a second may run at a fifth of it.
 */
import { either as E, function as F, taskEither as TE } from 'fp-ts'
import { differs, limits } from '../check/tolerances.ts'
import { lower } from '../compile/lower.ts'
import type { WeightStorage } from '../compile/pass.ts'
import { interrupted, type Door, type SluiceError } from '../errors.ts'
import type { AnyTensor, Feeds, Value } from '../graph/index.ts'
import type { Device } from './device.ts'
import type { Program } from './program.ts'
import { compile } from './run.ts'

/** A graph that contains one product, and what to feed it. */
export interface Product {
  readonly name: string
  readonly of: AnyTensor
  readonly feeds: Feeds
  /** how its weights are stored; f32 unless said */
  readonly storage?: WeightStorage
}
/** What a schedule did: its time in a race with the others, or why it is out of the question. */
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
/** so many times as long as the estimate's choice takes in the same round: it is not timed again */
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

/** A schedule that is right, with its program. */
interface Contestant {
  readonly schedule: string
  readonly program: Program
}
/** A schedule with its program, which has made the product once. */
const enter = async (
  device: Device,
  { of, feeds, storage = 'f32' }: Product,
  schedule: string,
  until: { readonly signal?: AbortSignal },
): Promise<E.Either<SluiceError, { readonly program: Program; readonly made: Value }>> => {
  const own = { ...device, profile: { ...device.profile, choose: () => schedule } }
  const program = await compile({ y: of }, { ...until, storage, device: own })()
  if (E.isLeft(program)) return program
  const made = await program.right.run(feeds, until)()
  if (E.isRight(made)) return E.right({ program: program.right, made: made.right.y as Value })
  program.right.dispose()
  return made
}
/**
 * What each of several takes: the median of its ratios to the first in the same rounds, times the first's median. A round before them,
 * in which a clock may rise, is not counted; one that is hopeless is left out of later rounds.
 */
export const race = async (
  times: readonly (() => Promise<E.Either<SluiceError, number>>)[],
): Promise<E.Either<SluiceError, readonly number[]>> => {
  const first: number[] = []
  const ratios = times.map((): number[] => [])
  let left = [...times.keys()]
  for (let round = -1; round < rounds; round++) {
    for (const k of left) {
      const time = await times[k]!()
      if (E.isLeft(time)) return time
      if (round < 0) continue
      if (k === 0) first.push(time.right)
      ratios[k]!.push(time.right / first[round]!)
    }
    if (round >= 0) left = left.filter(k => ratios[k]!.at(-1)! <= hopeless)
  }
  return E.right(ratios.map(of => median(first) * median(of)))
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
  const stopped = (error: SluiceError): E.Either<SluiceError, never> =>
    E.left(signal?.aborted === true ? interrupted('tuning') : error)
  lower({ y: product.of }, { profile: { ...device.profile, choose }, weights: product.storage ?? 'f32' })
  const until = signal === undefined ? {} : { signal }
  const contestants: Contestant[] = []
  const found = new Map<string, Candidate>()
  const refuse = (schedule: string, refused: string): void =>
    void found.set(schedule, { schedule, milliseconds: Number.POSITIVE_INFINITY, refused })
  let wanted: Value | undefined
  try {
    for (const [i, schedule] of fitting.entries()) {
      before(i, fitting.length)
      const entered = await enter(device, product, schedule, until)
      if (E.isLeft(entered)) {
        if (wanted === undefined || signal?.aborted === true) return stopped(entered.left)
        refuse(schedule, entered.left.message)
        continue
      }
      const { program, made } = entered.right
      const wrong = wanted === undefined ? undefined : refusalOf(made, wanted)
      wanted ??= made
      if (wrong === undefined) contestants.push({ schedule, program })
      else {
        program.dispose()
        refuse(schedule, wrong)
      }
    }
    const timed = contestants.map(({ program }) =>
      F.pipe(
        program.profile(product.feeds, { ...until, rounds: 1, how: 'timestamps' }),
        TE.map(({ milliseconds }) => milliseconds),
      ),
    )
    const raced = await race(timed)
    if (E.isLeft(raced)) return stopped(raced.left)
    contestants.forEach(({ schedule }, k) => found.set(schedule, { schedule, milliseconds: raced.right[k]! }))
  } finally {
    for (const { program } of contestants) program.dispose()
  }
  const [first, ...others] = fitting.map(schedule => found.get(schedule)!) as [Candidate, ...Candidate[]]
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
