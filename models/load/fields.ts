/**
 * What may stand in a field of a model's configuration. A codec's name is the phrase that an error shows after
 * "expected", so it is written for the reader of that error.
 */
import { either as E } from 'fp-ts'
import * as t from 'io-ts'
import type { SluiceError } from '../../lib/errors.ts'
import { at, described, fieldErrors, type Problem } from '../../lib/json.ts'

/** The largest size that is believed: no axis of a model is longer, and products of three stay exact. */
const largest = 2 ** 24

export const whole = described(
  'a whole number, at least 1',
  t.number,
  n => Number.isInteger(n) && n >= 1 && n <= largest,
)
/** Layers are built one by one, before a tensor of the files is looked for; published models have up to about a hundred. */
export const mostLayers = 512
export const layerCount = described(
  `a number of layers, 1 to ${mostLayers}`,
  t.number,
  n => Number.isInteger(n) && n >= 1 && n <= mostLayers,
)
export const integer = described('a whole number', t.number, n => Number.isInteger(n) && Math.abs(n) <= largest)
export const real = described('a number', t.number, Number.isFinite)
export const positive = described('a number above 0', t.number, n => Number.isFinite(n) && n > 0)
export const name = described('a file name', t.string, text => text !== '')

/** One of a few words. */
export const oneOf = <const W extends string>(words: readonly W[]): t.Type<W> =>
  described(
    words.length === 1 ? `'${words[0]}'` : `one of ${words.join(', ')}`,
    new t.Type<W>(
      '',
      (u): u is W => words.includes(u as W),
      (u, c) => (words.includes(u as W) ? t.success(u as W) : t.failure(u, c)),
      w => w,
    ),
  )

/** A value or null. */
export const nullable = <A>(type: t.Type<A>): t.Type<A | null> =>
  new t.Type<A | null>(
    `${type.name}, or null`,
    (u): u is A | null => u === null || type.is(u),
    (u, c) => (u === null ? t.success(null) : E.isLeft(type.validate(u, c)) ? t.failure(u, c) : type.validate(u, c)),
    a => a,
  )

/** A field that may be absent or null: files of one model differ in what they say that is usual. */
export const optional = <A>(type: t.Type<A>): t.Type<A | undefined, A | undefined> =>
  new t.Type<A | undefined, A | undefined>(
    type.name,
    (u): u is A | undefined => u === undefined || type.is(u),
    (u, c) => (u === undefined || u === null ? t.success(undefined) : type.validate(u, c)),
    a => a,
  )

/** A field that must not ask for anything. */
export const absent = optional(described('nothing, since it is not supported', t.unknown, () => false))
export const no = optional(described('false, since it is not supported', t.literal(false)))

/** A problem of a field, unless something holds. */
export const problem = (holds: boolean, path: string, message: string): Problem[] => (holds ? [] : [{ path, message }])
/** A value of a file, or `field` errors for the problems found with it; `under` is where in the file it lies. */
export const checked = <A>(
  file: string,
  value: A,
  problems: readonly Problem[],
  under = '',
): E.Either<SluiceError, A> => {
  const [first, ...rest] = problems.map(p => ({ ...p, path: under === '' ? p.path : at(under, p.path) }))
  return first === undefined ? E.right(value) : E.left(fieldErrors(file, [first, ...rest]))
}
