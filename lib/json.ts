/**
 * JSON that came from outside: parsed, decoded by an io-ts codec, and, where it does not fit, told to the user as
 * path, what was expected, what was found. Mistakes are collected and shown together. io-ts's own reporters print a
 * line for each member of a union and the whole value each time; here one line is one mistake.
 */
import { either as E } from 'fp-ts'
import * as t from 'io-ts'
import { fileError, type SluiceError, several } from './errors.ts'

/** Lines shown before the rest is only counted: a list of a thousand boxes can be wrong in a thousand places. */
const mostProblems = 8

/** One mistake in a value: where (`boxes[1][2]`, empty for the whole), and what about it. */
export interface Problem {
  readonly path: string
  readonly message: string
}

const isPlain = (value: unknown) => value === null || ['number', 'boolean'].includes(typeof value)

/** A codec under the phrase that an error shows after "expected", which may ask for what its type cannot say. */
export const described = <A, O, I>(name: string, type: t.Type<A, O, I>, holds: (value: A) => boolean = () => true) =>
  new t.Type<A, O, I>(
    name,
    type.is,
    (value, context) => {
      const decoded = type.validate(value, context)
      return E.isRight(decoded) && !holds(decoded.right) ? t.failure(value, context) : decoded
    },
    type.encode,
  )

/** A value in a few words. */
export const brief = (value: unknown): string => {
  if (value === undefined) return 'nothing'
  if (typeof value === 'string') return JSON.stringify(value.length <= 60 ? value : `${value.slice(0, 60)}…`)
  if (isPlain(value)) return String(value)
  if (!Array.isArray(value)) return 'an object'
  return value.length <= 8 && value.every(isPlain) ? JSON.stringify(value) : `a list of ${value.length}`
}

/** `path` and a step further: a field's name or an index. */
export const at = (path: string, step: string | number): string => {
  if (typeof step === 'number' || /^\d+$/.test(step)) return `${path}[${step}]`
  return path === '' ? step : `${path}.${step}`
}

const isBranching = (type: t.Decoder<unknown, unknown>) =>
  type instanceof t.UnionType || type instanceof t.IntersectionType

/** A union's mistakes are told as one, about the union; an intersection's branches are not steps of a path. */
const problemOf = ({ context, message }: t.ValidationError): Problem => {
  const union = context.findIndex(({ type }) => type instanceof t.UnionType)
  const told = union < 0 ? context : context.slice(0, union + 1)
  const steps = told.filter((_, i) => i > 0 && !isBranching(told[i - 1]!.type))
  const { type, actual } = told[told.length - 1]!
  return {
    path: steps.reduce((path, { key }) => at(path, key), ''),
    message: (union < 0 ? message : undefined) ?? `expected ${type.name}, found ${brief(actual)}`,
  }
}

const sentence = ({ path, message }: Problem) => (path === '' ? message : `${path}: ${message}`)

/** What the io-ts errors of one value say, each mistake once. */
export const problemsOf = (errors: t.Errors): Problem[] => {
  const problems = errors.map(problemOf)
  return [...new Map(problems.map(problem => [sentence(problem), problem])).values()]
}

/** The `field` errors of a file for the mistakes found in it. */
export const fieldErrors = (file: string, problems: readonly [Problem, ...Problem[]]): SluiceError => {
  const [first, ...rest] = problems.slice(0, mostProblems).map(problem => fileError('field', file, sentence(problem)))
  const more = problems.length - mostProblems
  const tail = more > 0 ? [fileError('field', file, `and ${more} more such mistakes`)] : []
  return several([first!, ...rest, ...tail])
}

/** Text as JSON, or a `format` error. */
export const parseJson = (text: string, file: string): E.Either<SluiceError, unknown> =>
  E.tryCatch(
    () => JSON.parse(text) as unknown,
    cause => fileError('format', file, `expected JSON, but ${(cause as Error).message}`),
  )

/** A value through a codec, or `field` errors. `under` is where in the file the value lies. */
export const decodeJson = <A>(
  codec: t.Decoder<unknown, A>,
  value: unknown,
  file: string,
  under = '',
): E.Either<SluiceError, A> => {
  const decoded = codec.decode(value)
  if (E.isRight(decoded)) return decoded
  const [first, ...rest] = problemsOf(decoded.left).map(({ path, message }) => ({
    path: path === '' || path.startsWith('[') || under === '' ? under + path : `${under}.${path}`,
    message,
  }))
  return E.left(fieldErrors(file, [first!, ...rest]))
}

/** The text of a file as JSON through a codec. */
export const readJson = <A>(codec: t.Decoder<unknown, A>, text: string, file: string): E.Either<SluiceError, A> => {
  const value = parseJson(text, file)
  return E.isLeft(value) ? value : decodeJson(codec, value.right, file)
}
