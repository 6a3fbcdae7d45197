/**
 * Which axes of a contraction slide along each other: where b depends on an axis of n and an axis of k only through their sum (or their
 * difference), as a convolution's rows and the rows of its window do. Read off the index expressions of b; no op is asked for its name.
 */
import { partsOf, type Contract, type Expr, type Load } from '../../form/index.ts'
import type { Shape } from '../../shape/index.ts'

export interface Slide {
  /** which axis of n, and which of k */
  readonly n: number
  readonly k: number
  /** does b depend on n - k, as in the gradient of a convolution? */
  readonly reversed: boolean
}

/** A sum of axes with whole factors, and of what has none. */
type Linear = ReadonlyMap<string, number>
const linear = (x: Expr): Linear | undefined => {
  if (x.e === 'axis') return new Map([[x.axis, 1]])
  if (x.e === 'literal' || x.e === 'size') return new Map()
  if (x.e !== 'arith') return undefined
  const [a, b] = [linear(x.a), linear(x.b)]
  if (a === undefined || b === undefined) return undefined
  const times = (terms: Linear, factor: number): Linear => new Map([...terms].map(([name, c]) => [name, c * factor]))
  switch (x.op) {
    case '+':
    case '-': {
      const sum = new Map(a)
      for (const [name, c] of times(b, x.op === '+' ? 1 : -1)) sum.set(name, (sum.get(name) ?? 0) + c)
      return sum
    }
    case '*':
      return x.b.e === 'literal' ? times(a, x.b.value) : x.a.e === 'literal' ? times(b, x.a.value) : undefined
    default:
      return undefined
  }
}
/** The largest parts of an expression that are sums of axes. */
const sumsIn = (x: Expr): readonly Linear[] => {
  const own = linear(x)
  if (own !== undefined) return [own]
  return partsOf(x).flatMap(sumsIn)
}
const named = (name: string, shape: Shape): readonly Expr[] =>
  shape.map((extent, i) => ({ e: 'axis', axis: `${name}${i}`, extent }))

/**
 * The slides of a contraction: one for every axis of k that is longer than 1, each along an axis of n of its own. Undefined where some axis
 * of k does not slide.
 */
export const slidesOf = (form: Contract, load: Load): readonly Slide[] | undefined => {
  const sums = sumsIn(form.b(load, named('batch', form.batch), named('n', form.n), named('k', form.k)))
  const taken = new Set<number>()
  const slides: Slide[] = []
  for (const [k, taps] of form.k.entries()) {
    if (taps === 1) continue
    const slide = slideOf(sums, form.n, k)
    if (slide === undefined || taken.has(slide.n)) return undefined
    taken.add(slide.n)
    slides.push(slide)
  }
  return slides
}
/**
 * The other way round, where few results meet all of b, as in the gradient of a window: the slides of the axes of k that slide. Undefined
 * where some axis of n that is longer than 1 does not.
 */
export const slidesUnder = (form: Contract, load: Load): readonly Slide[] | undefined => {
  const sums = sumsIn(form.b(load, named('batch', form.batch), named('n', form.n), named('k', form.k)))
  const slides = form.k.flatMap((_, k) => slideOf(sums, form.n, k) ?? [])
  const each = form.n.every((extent, n) => slides.filter(s => s.n === n).length === (extent === 1 ? 0 : 1))
  return each ? slides : undefined
}
const slideOf = (sums: readonly Linear[], axes: Shape, k: number): Slide | undefined => {
  const partner = sums.find(s => s.has(`k${k}`))
  const n = axes.findIndex((_, i) => partner?.has(`n${i}`))
  if (partner === undefined || n < 0) return undefined
  const reversed = partner.get(`n${n}`) !== partner.get(`k${k}`)
  const together = sums.every(s => {
    const [ofN, ofK] = [s.get(`n${n}`) ?? 0, s.get(`k${k}`) ?? 0]
    return ofN === (reversed ? -ofK : ofK)
  })
  return together ? { n, k, reversed } : undefined
}
