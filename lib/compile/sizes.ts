/**
 * Sizes evaluated fast. A program mentions a few dozen different sizes thousands of times (elements of buffers, workgroups, words of
 * uniform blocks); each is read once, when the program is made, and all of them are evaluated together when a run binds the names.
 * The grammar is that of `size.evalDim`, and so is every complaint.
 */
import type { Bindings } from '../interpret/bind.ts'
import type { Dim } from '../shape/index.ts'

type SizeOf = (sizes: Bindings) => number
interface Parsed {
  readonly of: SizeOf
  readonly next: number
}

/** A size as a function of the named ones. The function throws where an obligation such as an exact division fails. */
const readDim = (d: Dim): SizeOf => {
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

/** Different sizes, each with a position. Add all of them first, then evaluate as often as needed. */
export interface SizeTable {
  readonly add: (d: Dim) => number
  /** names that the sizes mention, in order of first mention */
  readonly names: () => readonly string[]
  /** the numbers of all sizes by position, or which obligation fails */
  readonly evaluate: (sizes: Bindings) => Float64Array | string
}
export const sizeTable = (): SizeTable => {
  const positions = new Map<Dim, number>()
  const functions: SizeOf[] = []
  const names = new Set<string>()
  const add = (d: Dim): number => {
    const known = positions.get(d)
    if (known !== undefined) return known
    if (typeof d === 'string') for (const [name] of d.matchAll(/[A-Za-z_]\w*(?![\w(])/g)) names.add(name)
    positions.set(d, functions.length)
    return functions.push(readDim(d)) - 1
  }
  const evaluate = (sizes: Bindings): Float64Array | string => {
    try {
      return Float64Array.from(functions, f => f(sizes))
    } catch (e) {
      return (e as Error).message
    }
  }
  return { add, names: () => [...names], evaluate }
}
