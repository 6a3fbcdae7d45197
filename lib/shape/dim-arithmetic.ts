/**
 * Run-time twin of dim.ts: the same functions on the same values (numbers, and strings in the same normal form). In generic code
 * `size.mul(4, width)` has a type too: Mul<4, Width>.
 */
import type { Add, Dim, Div, FloorDiv, Mul, Sub } from './dim.ts'

type Term = readonly [coef: number, mono: string]
const factors = (m: string): string[] => (m === '' ? [] : m.split('*'))
const parseTerm = (t: string): Term => {
  const m = /^(\d+)(?:\*(.*))?$/s.exec(t)
  return m ? [Number(m[1]), m[2] ?? ''] : [1, t]
}
const parse = (d: Dim): Term[] => (typeof d === 'number' ? (d === 0 ? [] : [[d, '']]) : d.split(' + ').map(parseTerm))
const printTerm = ([c, m]: Term): string => (m === '' ? `${c}` : c === 1 ? m : `${c}*${m}`)
const print = (ts: readonly Term[]): Dim =>
  ts.length === 0 ? 0 : ts.length === 1 && ts[0]![1] === '' ? ts[0]![0] : ts.map(printTerm).join(' + ')
const normal = (ts: readonly Term[]): Term[] => {
  const by = new Map<string, number>()
  for (const [c, m] of ts) by.set(m, (by.get(m) ?? 0) + c)
  return [...by]
    .filter(([, c]) => c !== 0)
    .map(([m, c]): Term => [c, m])
    .sort((a, b) => (a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0))
}
const err = (m: string): string => `✗ ${m}`
export const isError = (d: Dim): d is string => typeof d === 'string' && d.startsWith('✗')
const inner = (d: Dim): string => String(d).replaceAll(' + ', '+').replaceAll('*', '·')
/** results that a function remembers at most */
const most = 4096
/** The same function, which remembers: a graph asks for a few sums and products of its names thousands of times. */
const remembering = (f: (a: Dim, b: Dim) => Dim): ((a: Dim, b: Dim) => Dim) => {
  const known = new Map<string, Dim>()
  return (a, b) => {
    const key = `${a};${b}`
    const before = known.get(key)
    if (before !== undefined) return before
    if (known.size >= most) known.clear()
    const made = f(a, b)
    known.set(key, made)
    return made
  }
}
/**
 * A function of two sizes that passes errors on: `ofNumbers` of two literal ones, `ofNames` where a name is among them. Its type says
 * what tsc computes for the same two sizes.
 */
const lift = <F>(ofNumbers: (a: number, b: number) => Dim, ofNames: (a: Dim, b: Dim) => Dim): F => {
  const f = remembering(ofNames)
  return ((a: Dim, b: Dim): Dim => {
    if (typeof a === 'number' && typeof b === 'number') return ofNumbers(a, b)
    return isError(a) ? a : isError(b) ? b : f(a, b)
  }) as F
}

export const add = lift<<const A extends Dim, const B extends Dim>(a: A, b: B) => Add<A, B>>(
  (a, b) => a + b,
  (a, b) => print(normal([...parse(a), ...parse(b)])),
)
export const mul = lift<<const A extends Dim, const B extends Dim>(a: A, b: B) => Mul<A, B>>(
  (a, b) => a * b,
  (a, b) =>
    print(
      normal(
        parse(a).flatMap(([ca, ma]) =>
          parse(b).map(([cb, mb]): Term => [ca * cb, [...factors(ma), ...factors(mb)].sort().join('*')]),
        ),
      ),
    ),
)
export const sum = (ds: readonly Dim[]): Dim => ds.reduce<Dim>(add, 0)
export const prod = (ds: readonly Dim[]): Dim => ds.reduce<Dim>(mul, 1)
export const sub = lift<<const A extends Dim, const B extends Dim>(a: A, b: B) => Sub<A, B>>(
  (a, b) => (a < b ? err(`${a} - ${b} is negative`) : a - b),
  (a, b) => {
    const ts = normal([...parse(a), ...parse(b).map(([c, m]): Term => [-c, m])])
    return ts.every(([c]) => c > 0) ? print(ts) : `sub(${inner(a)},${inner(b)})`
  },
)
const divTerms = (a: Dim, b: Dim): Dim | undefined => {
  const [d, ...more] = parse(b)
  if (d === undefined || more.length > 0) return undefined
  const out: Term[] = []
  for (const [c, m] of parse(a)) {
    const fs = factors(m)
    for (const f of factors(d[1])) {
      const i = fs.indexOf(f)
      if (i < 0) return undefined
      fs.splice(i, 1)
    }
    if (c % d[0] !== 0) return undefined
    out.push([c / d[0], fs.join('*')])
  }
  return print(out)
}
export const div = lift<<const A extends Dim, const B extends Dim>(a: A, b: B) => Div<A, B>>(
  (a, b) => (b === 0 ? err('division by 0') : a % b === 0 ? a / b : err(`${a} is not divisible by ${b}`)),
  (a, b) => {
    if (b === 1) return a
    if (a === b) return 1
    return divTerms(a, b) ?? `div(${inner(a)},${inner(b)})`
  },
)
export const floorDiv = lift<<const A extends Dim, const B extends Dim>(a: A, b: B) => FloorDiv<A, B>>(
  (a, b) => (b === 0 ? err('division by 0') : Math.floor(a / b)),
  (a, b) => {
    if (b === 1) return a
    const q = div(a, b)
    return typeof q === 'string' && q.startsWith('div(') ? `floor(${inner(a)},${inner(b)})` : q
  },
)
export const conv = (h: Dim, k: number, s = 1, p = 0): Dim => {
  if (isError(h)) return h
  if (typeof h === 'number')
    return h + 2 * p < k
      ? err(`window ${k} does not fit ${h} with padding ${p}`)
      : s === 0
        ? err('stride 0')
        : Math.floor((h + 2 * p - k) / s) + 1
  return floorDiv(sub(add(h, 2 * p + s), k), s)
}
export const divisible = (a: Dim, b: Dim): Dim => {
  const q = div(a, b)
  return isError(q) ? q : a
}
export const fits = (h: Dim, k: number, p: number | 'same'): Dim => {
  if (p === 'same') return h
  const q = conv(h, k, 1, p)
  return isError(q) ? q : h
}

/** A size as a function of the named ones. */
export type SizeOf = (sizes: Readonly<Record<string, number>>) => number
interface Parsed {
  readonly of: SizeOf
  readonly next: number
}

/** Reads a size once, to be evaluated often. The function throws where an obligation such as an exact division fails. */
export const readDim = (d: Dim): SizeOf => {
  if (typeof d === 'number') return () => d
  const text = d.replaceAll(' ', '')
  const fail = (why: string): never => {
    throw new Error(`${why} in '${d}'`)
  }
  const sum = (at: number): Parsed => joined(at, '+', product, (a, b) => sizes => a(sizes) + b(sizes))
  const product = (at: number): Parsed => joined(at, '*·', atom, (a, b) => sizes => a(sizes) * b(sizes))
  const joined = (
    at: number,
    signs: string,
    part: (at: number) => Parsed,
    join: (a: SizeOf, b: SizeOf) => SizeOf,
  ): Parsed => {
    let left = part(at)
    while (left.next < text.length && signs.includes(text[left.next]!)) {
      const right = part(left.next + 1)
      left = { of: join(left.of, right.of), next: right.next }
    }
    return left
  }
  const atom = (at: number): Parsed => {
    const [word] = /^(\d+|[A-Za-z_]\w*)/.exec(text.slice(at)) ?? fail('bad expression')
    const next = at + word.length
    const literal = Number(word)
    if (!Number.isNaN(literal)) return { of: () => literal, next }
    if (text[next] !== '(') return { of: sizes => sizes[word] ?? fail(`no value for '${word}'`), next }
    const a = sum(next + 1)
    if (text[a.next] !== ',') fail("expected ','")
    const b = sum(a.next + 1)
    if (text[b.next] !== ')') fail("expected ')'")
    return { of: applied(word, a.of, b.of), next: b.next + 1 }
  }
  const applied = (name: string, a: SizeOf, b: SizeOf): SizeOf => {
    if (name === 'floor') return sizes => Math.floor(a(sizes) / b(sizes))
    if (name === 'sub')
      return sizes => {
        const [x, y] = [a(sizes), b(sizes)]
        return x >= y ? x - y : fail(`${x} - ${y} is negative`)
      }
    if (name === 'div')
      return sizes => {
        const [x, y] = [a(sizes), b(sizes)]
        return x % y === 0 ? x / y : fail(`${x} is not divisible by ${y}`)
      }
    return fail(`no function '${name}'`)
  }
  const whole = sum(0)
  return whole.next === text.length ? whole.of : fail(`unexpected '${text.slice(whole.next)}'`)
}

/** value of an expression once the symbols are known; throws when an exact division does not come out */
export const evalDim = (d: Dim, env: Readonly<Record<string, number>>): number => readDim(d)(env)
