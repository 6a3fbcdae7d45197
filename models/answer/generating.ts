/**
 * An answer, token by token: read the text, choose a token, read it, until the answer is complete or long enough. Where the likeliest token
 * is taken, a device reads it before the host has heard of it, and what comes after it is dropped if the answer was complete.
 */
import { either as E } from 'fp-ts'
import { interrupted, type Door, type SluiceError } from '../../lib/errors.ts'
import type { Value } from '../../lib/index.ts'
import type { Values } from './engine.ts'
import { lengthOf, plainText, saidLast, type Reader, type Text } from './reading.ts'
import type { Choice, Sampling } from './sampling.ts'

/** What callers may say of an answer. */
export interface GenerateOptions {
  /** longest answer, in tokens */
  readonly maxNewTokens?: number
  /** how tokens are drawn; the likeliest is taken unless said */
  readonly sampling?: Sampling
  /** stops between two tokens, with the error `interrupted` */
  readonly signal?: AbortSignal
}
/** Ids of an answer, with the one that ended it, and why it ended. */
export interface Said<Ending extends string> {
  readonly generated: readonly number[]
  /** `limit`: it is as long as was asked for, or the memory is full */
  readonly endedBy: Ending | 'limit'
  /** the logits that each id was chosen by, [1, vocabulary], if they were asked for */
  readonly rows: readonly Value[]
}
export interface Generating<Ending extends string> extends Pick<GenerateOptions, 'signal'> {
  readonly maxNewTokens: number
  readonly choice: Choice
  readonly ending: (generated: readonly number[]) => Ending | undefined
  /** called after every token with all so far */
  readonly onToken?: (generated: readonly number[]) => void
  readonly keepRows?: boolean
}

/** Continues a text. Errors: `limit`, `interrupted`, those of running. */
export const generate =
  <Ending extends string>(
    reader: Reader,
    text: Text,
    { maxNewTokens, choice, signal, ending, onToken, keepRows = false }: Generating<Ending>,
  ): Door<Said<Ending>> =>
  async () => {
    const only = keepRows ? [...choice.outputs, 'logits'] : choice.outputs
    const forgotten = await reader.forget()
    if (E.isLeft(forgotten)) return forgotten
    const asked = [...text.before, ...text.after]
    const plain = (id: number): Text => plainText(text.seen.shape[1]!, [id])
    const readsAhead = reader.overlaps && choice.isLikeliest && !keepRows
    let generated: readonly number[] = []
    const rows: Value[] = []
    let [unread, position] = [text, 0]
    /** the token that comes next is being read */
    let ahead: ReturnType<Door<Values>> | undefined
    try {
      while (generated.length < maxNewTokens) {
        if (ahead !== undefined && signal?.aborted === true) return E.left(interrupted('the answer'))
        const reading = ahead ?? reader.read(unread, position, only, signal)()
        position += lengthOf(unread)
        // never while a text is read, which may be in several pieces
        const goesOn = generated.length > 0 && generated.length + 1 < maxNewTokens && position < reader.capacity
        ahead = readsAhead && goesOn ? reader.read(plain(saidLast), position, only, signal)() : undefined
        const values: E.Either<SluiceError, Values> = await reading
        if (E.isLeft(values)) return values
        const id = choice.pick(values.right, [...asked, ...generated], generated.length)
        generated = [...generated, id]
        if (keepRows) rows.push(values.right['logits']!)
        onToken?.(generated)
        const endedBy = ending(generated)
        if (endedBy !== undefined) return E.right({ generated, endedBy, rows })
        unread = plain(id)
        if (position === reader.capacity) break
      }
      return E.right({ generated, endedBy: 'limit', rows })
    } finally {
      // nobody has the reader before it is idle
      await ahead
    }
  }
