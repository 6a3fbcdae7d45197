/**
 * What a run is asked for, and the passes, outputs and states that this comes to. The same is asked run after run, so that it is found
 * once for a plan.
 */
import { either as E } from 'fp-ts'
import { writesOf, type BufferPlan, type Lowered, type Pass } from '../compile/pass.ts'
import { feedError, type FeedError } from '../errors.ts'
import { segmentsOf, stepsFor, type Step } from './steps.ts'

export interface RunOptions {
  readonly signal?: AbortSignal
  /** names of the outputs to compute; all unless said */
  readonly only?: readonly string[]
  /** names of the states that advance; all unless said. The others stay what they are. */
  readonly advance?: readonly string[]
  /** names of the outputs to read back; those that are computed unless said. The run ends when the device is done. */
  readonly read?: readonly string[]
}

/** Does it stay between runs? */
export const isOwn = ({ holds }: BufferPlan): boolean => holds.what !== 'input' && holds.what !== 'work'

/** The passes that some outputs, and the states that advance, depend on. */
const neededFor = (
  { passes, next, buffers }: Lowered,
  outputs: readonly BufferPlan[],
  advances: (state: BufferPlan) => boolean,
): ReadonlySet<Pass> => {
  const from = next.filter(n => advances(n.state)).map(n => n.from)
  const own = buffers.filter(b => isOwn(b) && (b.holds.what !== 'state' || advances(b)))
  const wanted = new Set([...outputs, ...from, ...own].map(b => b.id))
  const needed = new Set<Pass>()
  for (const pass of [...passes].reverse()) {
    if (!writesOf(pass).some(w => wanted.has(w.buffer.id))) continue
    needed.add(pass)
    for (const { buffer } of pass.reads) wanted.add(buffer.id)
  }
  return needed
}
/** States that passes write though they do not advance: since something reads the next value, or another is written beside it. */
const writtenAnyway = (needed: ReadonlySet<Pass>, advances: (state: BufferPlan) => boolean): readonly BufferPlan[] => {
  const written = [...needed].flatMap(pass => writesOf(pass).map(({ buffer }) => buffer))
  return [...new Set(written.filter(b => b.holds.what === 'state' && !advances(b)))]
}

/** What comes of it. */
export interface Asked {
  /** outputs that are read back */
  readonly outputs: Lowered['outputs']
  /** steps in groups that a device finishes soon enough */
  readonly segments: readonly (readonly Step[])[]
  /** states that become what they are next by a copy */
  readonly moves: Lowered['next']
  /** states that are to be as they were before */
  readonly staying: readonly BufferPlan[]
}
type Choice = Pick<RunOptions, 'only' | 'advance' | 'read'>
const askedOf = (lowered: Lowered, steps: readonly Step[], maxFlops: number, choice: Choice): Asked => {
  const { outputs, next } = lowered
  const { only, advance, read = only } = choice
  const advances = ({ label }: BufferPlan): boolean => advance === undefined || advance.includes(label)
  const computed = outputs.filter(({ name }) => only === undefined || only.includes(name) || read?.includes(name))
  const isAll = only === undefined && advance === undefined
  const buffers = computed.map(o => o.buffer)
  const needed = isAll ? undefined : neededFor(lowered, buffers, advances)
  return {
    outputs: outputs.filter(({ name }) => read === undefined || read.includes(name)),
    segments: segmentsOf(needed === undefined ? steps : stepsFor(steps, needed), maxFlops),
    moves: next.filter(({ state, from }) => state.id !== from.id && advances(state)),
    staying: needed === undefined ? [] : writtenAnyway(needed, advances),
  }
}

/** Error `feed` for an output that there is not. */
export type Ask = (steps: readonly Step[], choice: Choice) => E.Either<FeedError, Asked>
export const asking = (lowered: Lowered, maxFlops: number): Ask => {
  const known = new WeakMap<readonly Step[], Map<string, Asked>>()
  return (steps, choice) => {
    const { only, advance, read } = choice
    const unknown = [...(only ?? []), ...(read ?? [])].find(name => !lowered.outputs.some(o => o.name === name))
    if (unknown !== undefined) {
      const names = lowered.outputs.map(o => `'${o.name}'`).join(', ')
      return E.left(feedError(unknown, `'${unknown}' is not an output of this program; its outputs are ${names}`))
    }
    const before = known.get(steps) ?? new Map<string, Asked>()
    known.set(steps, before)
    const key = JSON.stringify([only, advance, read])
    const asked = before.get(key) ?? askedOf(lowered, steps, maxFlops, choice)
    before.set(key, asked)
    return E.right(asked)
  }
}
