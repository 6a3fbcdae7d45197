/**
 * A language model that reads: a text goes in, in pieces, and what may come after it comes out. What was read stays in the model's
 * memory, so that a token costs a token. One program reads questions and answers alike, whatever their lengths are: those are named sizes.
 */
import { either as E, taskEither as TE } from 'fp-ts'
import { deviceError, feedError, interrupted, type Door, type SluiceError } from '../../lib/errors.ts'
import {
  indexInput,
  indexInputOf,
  indexState,
  inputOf,
  loosely,
  named,
  states,
  value,
  constantIndex,
  type AnyTensor,
  type Feeds,
  type Index,
  type Loose,
  type Value,
} from '../../lib/index.ts'
import type { TensorEntry } from '../../lib/weights/tensor-file.ts'
import { add, iota, less, updateSlice, where } from '../../ops/index.ts'
import type { LlamaConfig } from '../llama.ts'
import { remembering } from '../memory.ts'
import { readLast, splice } from '../mg-llava.ts'
import type { Engine, Outputs, Prepared, Values } from './engine.ts'
import { choices } from './sampling.ts'

/** A text to read: ids, with what was seen between them, [tokens, width]. */
export interface Text {
  readonly before: readonly number[]
  readonly seen: Value
  readonly after: readonly number[]
}
export const lengthOf = ({ before, seen, after }: Text): number => before.length + seen.shape[0]! + after.length

/** A language model, its parameters named under `llm`. */
export interface Language {
  readonly llm: LlamaConfig
  readonly weights: ReadonlyMap<string, TensorEntry>
}

export const whole = (numbers: readonly number[]): Value => value([numbers.length], numbers, 'index')
/** Ids alone as a text, for a model of this width. */
export const plainText = (width: number, ids: readonly number[]): Text => ({
  before: [],
  seen: value([0, width], []),
  after: ids,
})
export const feedsOf = ({ before, seen, after }: Text): Feeds => ({ before: whole(before), seen, after: whole(after) })

/** The tokens from one place to another. */
export const pieceOf = ({ before, seen, after }: Text, from: number, to: number): Text => {
  const [rows, width] = seen.shape as [number, number]
  const first = before.length
  const within = (start: number, length: number): readonly [number, number] => [
    Math.min(Math.max(from - start, 0), length),
    Math.min(Math.max(to - start, 0), length),
  ]
  const [top, bottom] = within(first, rows)
  return {
    before: before.slice(from, to),
    seen: value([bottom - top, width], seen.data.slice(top * width, bottom * width)),
    after: after.slice(...within(first + rows, after.length)),
  }
}

/** The sequence of a text: what `feedsOf` feeds. `known` makes ids of those at its end. */
export const sequenceOf = (llm: LlamaConfig, known = (ids: Index<[string]>): AnyTensor => ids): Loose => {
  const ids = (name: string) => indexInputOf(name, [name])
  return splice({ llm })([ids('before'), inputOf('seen', ['seen', llm.width]), known(ids('after'))])
}

/** The state that is the likeliest token after what was read last, if that was asked for. */
const said = 'said'
/** Stands for it at the end of a text. So the device can read a token that the host does not know yet. */
export const saidLast = -1
/** What may come after a text of which `position` tokens were read before: `logits` [1, vocabulary], and what choices are made from. */
const nextToken = (llm: LlamaConfig, capacity: number): Outputs => {
  const position = indexInput('position', [1])
  const last = indexState(said, [1])
  const sequence = sequenceOf(llm, ids => where(less(ids, constantIndex(0)), last, ids))
  const positions = add(iota(sequence.shape[0]), position)
  const logits = readLast({ llm }, remembering(capacity, position))(sequence, positions)
  const { token, ...others } = choices(logits)
  // put into its place, since that there is one is known of `last` alone: to its shape it is a slice of a text of any length
  const saying = loosely(updateSlice)(0)(last, token!, constantIndex(0, [1]))
  return { logits, token: named(said)(saying), ...others }
}

export interface Reader {
  /** most tokens that it remembers */
  readonly capacity: number
  /** does it read a token while the one before is on its way to the host? */
  readonly overlaps: boolean
  /** A new text: nothing of what was read before is left. */
  readonly forget: Door<void>
  /**
   * Reads a text after `position` tokens that were read before; gives some of the outputs `logits`, `token`, `candidates`, `scores`.
   * Errors: `limit` where the memory is too small, `feed` where there is nothing to read, those of running.
   */
  readonly read: (text: Text, position: number, only: readonly string[], signal?: AbortSignal) => Door<Values>
  readonly dispose: () => void
}

/** Tokens read in one run at most: scores of attention are this by the capacity, for every head. */
const piece = 256

const readerOf = (llm: LlamaConfig, capacity: number, memory: readonly string[], prepared: Prepared): Reader => ({
  capacity,
  overlaps: prepared.overlaps === true,
  forget: prepared.reset,
  read: (text, position, only, signal) => async () => {
    const length = lengthOf(text)
    if (length === 0) return E.left(feedError('text', 'a text to read has one token at least'))
    if (position + length > capacity) return E.left(tooLong(position + length, capacity, llm.positions))
    for (let from = 0; ; from += piece) {
      if (signal?.aborted === true) return E.left(interrupted('the answer'))
      const [to, isLast] = [Math.min(length, from + piece), from + piece >= length]
      const feeds = { ...feedsOf(pieceOf(text, from, to)), position: whole([position + from]) }
      const wanted = isLast ? only : []
      const options = {
        only: wanted,
        // what comes next is computed where somebody asks for it
        ...(wanted.includes('token') ? {} : { advance: memory }),
        ...(signal === undefined ? {} : { signal }),
      }
      const values = await prepared.run(feeds, options)()
      if (isLast || E.isLeft(values)) return values
    }
  },
  dispose: prepared.dispose,
})
const tooLong = (length: number, capacity: number, positions = Infinity): SluiceError => {
  const next =
    capacity < positions
      ? `open the session with a capacity of ${length} tokens or more`
      : 'ask a shorter question, or show fewer frames or boxes'
  return deviceError('limit', `the text has ${length} tokens, and the model remembers ${capacity}. Next step: ${next}`)
}

/** Room for so many tokens: a power of two, so that most texts need the same, and at most what the model was made for. */
const roomFor = (length: number, { positions = Infinity }: LlamaConfig): number =>
  Math.min(positions, 2 ** Math.ceil(Math.log2(Math.max(256, length))))

/** Lends a reader. Who wants it while it is lent waits, since it remembers one text at a time. */
export interface Readers {
  /** a reader that remembers so many tokens, if the model can: the one there is, or in its place another with more room */
  readonly lend: <A>(length: number, task: (reader: Reader) => Door<A>) => Door<A>
  readonly dispose: () => void
}
/** Readers with a capacity that is given, or found when it is needed. */
export const readers = ({ llm, weights }: Language, engine: Engine, capacity?: number): Readers => {
  let current: Reader | undefined
  let last: Promise<unknown> = Promise.resolve()
  const dispose = (): void => {
    current?.dispose()
    current = undefined
  }
  const readerFor = (length: number): Door<Reader> => {
    const room = capacity ?? roomFor(length, llm)
    if (current !== undefined && current.capacity >= room) return TE.right(current)
    dispose()
    const outputs = nextToken(llm, room)
    const memory = states(outputs).flatMap(({ name }) => (name === said ? [] : [name]))
    const made = (prepared: Prepared): Reader => (current = readerOf(llm, room, memory, prepared))
    return TE.map(made)(engine(outputs, weights))
  }
  return {
    lend: (length, task) => () => {
      const turn = last.then(() => TE.flatMap(task)(readerFor(length))())
      last = turn.catch(() => undefined)
      return turn
    },
    // now, and again what is still being made
    dispose: () => {
      dispose()
      last = last.then(dispose)
    },
  }
}
