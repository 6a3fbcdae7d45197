/**
 * Damaged copies of a file: bits turned, pieces cut, doubled or swapped, lengths made extreme, text made other text; of JSON also
 * values that are well-formed and mean something else: other kinds, other sizes, other places, far too deep, far too many.
 */
import * as fc from 'fast-check'

const extremes = [
  '00000000',
  'ffffffff',
  '7fffffff',
  'ffffff7f',
  '00000080',
  'fbffffff',
  'ffffffffffffffff',
  '0000000000000080',
  '01',
]
const words = ['-1', '1e309', '[]', '{}', 'null', '"', '__proto__', '9007199254740993', ',', 'F64', '\\u0000']
const pieces = [...extremes.map(hex => Buffer.from(hex, 'hex')), ...words.map(word => Buffer.from(word))]

type Change<A> = (value: A) => A

/** One to four changes, each in the first `reach` bytes. */
export const mutated = (seed: Uint8Array, reach = seed.length): fc.Arbitrary<Uint8Array> => {
  const from = <A>(of: fc.Arbitrary<A>, change: (bytes: Uint8Array, i: number, choice: A) => Uint8Array) =>
    fc.tuple(fc.nat({ max: reach - 1 }), of).map(
      ([i, choice]): Change<Uint8Array> =>
        bytes =>
          change(bytes, i, choice),
    )
  const change = fc.oneof(
    from(fc.nat({ max: 7 }), (bytes, i, bit) => with8(bytes, i, b => b ^ (1 << bit))),
    from(fc.nat({ max: 255 }), (bytes, i, value) => with8(bytes, i, () => value)),
    from(fc.nat({ max: 40 }), (bytes, i, n) => spliced(bytes, i, n, none)),
    from(fc.nat({ max: 40 }), (bytes, i, n) => spliced(bytes, i, 0, bytes.slice(i, i + n))),
    from(fc.constantFrom(...pieces), (bytes, i, piece) => spliced(bytes, i, piece.length, piece)),
    from(fc.constantFrom(...pieces), (bytes, i, piece) => spliced(bytes, i, 0, piece)),
    from(fc.constant(undefined), (bytes, i) => bytes.slice(0, i)),
  )
  return fc
    .array(change, { minLength: 1, maxLength: 4 })
    .map(changes => changes.reduce((bytes, apply) => apply(bytes), seed))
}
const none = new Uint8Array(0)
const with8 = (bytes: Uint8Array, i: number, change: (b: number) => number): Uint8Array =>
  bytes.map((b, j) => (j === i ? change(b) : b))
const spliced = (bytes: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array =>
  Uint8Array.from([...bytes.subarray(0, at), ...added, ...bytes.subarray(at + removed)])

// ---- JSON ----------------------------------------------------------------------------------------------------------
type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Stands in a value for JSON text that no value is written as; U+E000 is in no file. */
const raw = (k: number): string => `\ue000${k}\ue000`
const deep = 10_000
const texts = [
  '1e309',
  '-1e309',
  '-0',
  '9007199254740993',
  '{"__proto__": {"polluted": 1}}',
  '["__proto__"]',
  `${'['.repeat(deep)}${']'.repeat(deep)}`,
  `${'{"a":'.repeat(deep)}0${'}'.repeat(deep)}`,
]
/** What is written for a text. */
const textOf = (x: string): string => texts[Number(/^\ue000(\d+)\ue000$/.exec(x)?.[1])] ?? JSON.stringify(x)
const written = (value: Json): Uint8Array =>
  Buffer.from(JSON.stringify(value).replaceAll(/"(\ue000\d+\ue000)"/g, (_, x: string) => textOf(x)))

const plain: readonly Json[] = [
  null,
  true,
  false,
  -1,
  0,
  0.5,
  3,
  1_000_000,
  2 ** 24,
  2 ** 32,
  '',
  'x',
  '\u0000',
  '\ud800',
  '__proto__',
  'constructor',
  '../../x',
  'x'.repeat(10_000),
  [],
  {},
  [[]],
  [null],
  Array.from({ length: 1_000 }, () => 1),
]
const strange = fc.oneof(fc.constantFrom(...plain), fc.nat({ max: texts.length - 1 }).map(raw))

/** Is there more than a few hundred kilobytes of it? Parts of a value may stand in it often, at no cost until it is written. */
const isLarge = (value: Json): boolean => {
  const stack: Json[] = [value]
  let size = 0
  for (let x = stack.pop(); x !== undefined && size < mostText; x = stack.pop()) {
    size += typeof x === 'string' ? textOf(x).length : 1
    if (!isContainer(x)) continue
    for (const [key, child] of Object.entries(x)) {
      size += key.length
      stack.push(child)
    }
  }
  return size >= mostText
}
const mostText = 300_000

/** Where in a value something happens: which child at each step, until one has none. */
const path = fc.array(fc.nat(), { maxLength: 6 })
const isContainer = (value: Json): value is readonly Json[] | { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null
const changedAt = (value: Json, steps: readonly number[], change: Change<Json>): Json => {
  const [step, ...rest] = steps
  if (step === undefined || !isContainer(value)) return change(value)
  const keys = Object.keys(value)
  if (keys.length === 0) return change(value)
  const key = keys[step % keys.length]!
  const child = changedAt((value as Record<string, Json>)[key]!, rest, change)
  return Array.isArray(value) ? value.with(Number(key), child) : { ...value, [key]: child }
}
const childAt = (value: Json, steps: readonly number[]): Json => {
  let found = value
  changedAt(value, steps, x => (found = x))
  return found
}
const emptied = (value: Json, k: number): Json => {
  if (Array.isArray(value)) return value.length === 0 ? value : value.toSpliced(k % value.length, 1)
  if (!isContainer(value)) return value
  const keys = Object.keys(value)
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== keys[k % keys.length]))
}
/** Another name for a child: a number in it becomes huge, or it is a name that objects have of their own. */
const renamed = (value: Json, k: number): Json => {
  if (!isContainer(value) || Array.isArray(value)) return value
  const entries = Object.entries(value)
  const other = (key: string): string => (/\d/.test(key) ? key.replace(/\d+/, '99999999') : 'constructor')
  return Object.fromEntries(entries.map(([key, x], i) => [i === k % entries.length ? other(key) : key, x]))
}
/** An object that holds a list: itself in its own list, and so on; a list: itself in itself. */
const nested = (value: Json, times: number): Json => {
  if (!isContainer(value)) return value
  const list = Object.entries(value).find(([, child]) => Array.isArray(child))?.[0]
  let inner: Json = value
  for (let i = 0; i < times; i++) inner = Array.isArray(value) ? [inner] : { ...value, [list ?? 'x']: [inner] }
  return inner
}
const repeated = (value: Json, times: number): Json =>
  Array.isArray(value) && value.length > 0
    ? Array.from({ length: times }, (_, i) => value[i % value.length] as Json)
    : value

/** A change of what is at a place. */
const at = <A>(of: fc.Arbitrary<A>, change: (x: Json, choice: A, all: Json) => Json): fc.Arbitrary<Change<Json>> =>
  fc.tuple(path, of).map(
    ([steps, choice]): Change<Json> =>
      all =>
        changedAt(all, steps, x => change(x, choice, all)),
  )
const changes: fc.Arbitrary<Change<Json>> = fc.oneof(
  { weight: 5, arbitrary: at(strange, (_, x) => x) },
  { weight: 2, arbitrary: at(fc.nat(), emptied) },
  { weight: 2, arbitrary: at(path, (_, from, all) => childAt(all, from)) },
  { weight: 1, arbitrary: at(fc.nat(), renamed) },
  { weight: 1, arbitrary: at(fc.constantFrom(1, 3, 300), nested) },
  { weight: 1, arbitrary: at(fc.constantFrom(2, 3, 5_000), repeated) },
  { weight: 1, arbitrary: at(fc.double(), (_, x) => x) },
)

/** One to three changes of a JSON value, as text. */
export const mutatedJson = (seed: unknown): fc.Arbitrary<Uint8Array> =>
  fc.array(changes, { minLength: 1, maxLength: 3 }).map(made => written(made.reduce(unlessLarge, seed as Json)))
const unlessLarge = (value: Json, change: Change<Json>): Json => {
  const changed = change(value)
  return isLarge(changed) ? value : changed
}
