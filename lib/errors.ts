/**
 * The one closed union of errors that the doors (load, compile, run, train) return. Building a graph throws ShapeError
 * instead, since a wrong program is not data; a door that builds a graph from data turns it into a `shape` error.
 *
 * Every error is a plain value with a `kind` to branch on and a `message` to show: file, field, what was expected, what
 * was found, the next step. Problems found together travel together, in one `several`.
 */
import { taskEither as TE } from 'fp-ts'
import type { ShapeError } from './shape/shape-error.ts'

/** What can go wrong with one file: the kinds a caller may want to tell apart. */
export type FileErrorKind =
  | 'missing file'
  | 'format' // not the kind of file it should be, truncated, or lying about its contents
  | 'field' // a value in a JSON file is absent or impossible
  | 'missing tensor'
  | 'tensor shape'
  | 'dtype'
  | 'unsafe' // a pickle that wants to call something
  | 'picture'
  | 'write' // disk full, no permission

export interface FileError {
  readonly kind: FileErrorKind
  readonly file: string
  readonly message: string
}
/** What can go wrong with the machine. */
export type DeviceErrorKind = 'no adapter' | 'device lost' | 'out of memory' | 'limit' | 'shader'
export interface DeviceError {
  readonly kind: DeviceErrorKind
  readonly message: string
}
/** The graph cannot be built from what was loaded, or named sizes do not satisfy it. */
export interface GraphError {
  readonly kind: 'shape'
  readonly message: string
  readonly error?: ShapeError
}
/** A value given to run is missing, unknown, or of another shape or dtype. */
export interface FeedError {
  readonly kind: 'feed'
  readonly name: string
  readonly message: string
}
/** The caller's AbortSignal fired, or Ctrl-C. */
export interface Interrupted {
  readonly kind: 'interrupted'
  readonly message: string
}
/** A run of training cannot go on: a loss that is no number, data that end too soon. */
export interface TrainingError {
  readonly kind: 'training'
  readonly message: string
}
export interface SeveralErrors {
  readonly kind: 'several'
  readonly errors: readonly SluiceError[]
  readonly message: string
}
export type SluiceError = FileError | DeviceError | GraphError | FeedError | Interrupted | TrainingError | SeveralErrors

/** What every door returns. */
export type Door<A> = TE.TaskEither<SluiceError, A>

export const fileError = (kind: FileErrorKind, file: string, message: string): FileError => ({
  kind,
  file,
  message: `${file}: ${message}`,
})
export const deviceError = (kind: DeviceErrorKind, message: string): DeviceError => ({ kind, message })
export const feedError = (name: string, message: string): FeedError => ({ kind: 'feed', name, message })
export const trainingError = (message: string): TrainingError => ({ kind: 'training', message })
export const interrupted = (what: string): Interrupted => ({ kind: 'interrupted', message: `${what} was interrupted` })

/** One error for a list of them: the only one itself, or all in one message, a line each. */
export const several = (errors: readonly [SluiceError, ...SluiceError[]]): SluiceError =>
  errors.length === 1 ? errors[0] : { kind: 'several', errors, message: errors.map(e => e.message).join('\n') }
