/**
 * A rule says which shapes an op takes and which it gives. Most are one signature string; where no string can say it (concat,
 * convolution, slice, reshape …) a rule is an object with the same faces: infer, sentence, generator. (The fourth face, the
 * TypeScript type, is read off the string by tsc, or written beside the object.)
 */
import type { Dim, Shape } from './dim.ts'
import { readSignature, applySignature, type Axis } from './signature-check.ts'
import type { Refusal } from './shape-error.ts'

/** Where a generator gets its choices from; the property tests give one that shrinks. */
export interface Draw {
  /** a whole number from low to high, both included */
  readonly int: (low: number, high: number) => number
  /** a size of an axis: small, with 1 and odd numbers among them */
  readonly size: () => number
  readonly pick: <const T>(choices: readonly T[]) => T
  /** a number that is no special case of anything, between low and high */
  readonly number: (low: number, high: number) => number
}

export interface Rule<A = unknown> {
  readonly sentence: (attrs: A) => string
  readonly infer: (shapes: readonly Shape[], attrs: A) => Shape | Refusal
  /** shapes that the rule accepts with these attributes */
  readonly sample: (draw: Draw, attrs: A) => readonly (readonly number[])[]
}

/** The rule that a signature string says; `sizes` takes from the attributes the names that the caller gives. */
export const signatureRule = <A>(
  text: string | ((attrs: A) => string),
  sizes: (attrs: A) => Readonly<Record<string, Dim>> = () => ({}),
): Rule<A> => {
  const say = (attrs: A): string => (typeof text === 'string' ? text : text(attrs))
  return {
    sentence: say,
    infer: (shapes, attrs) => applySignature(say(attrs), sizes(attrs), shapes),
    sample: (draw, attrs) => sampleSignature(say(attrs), sizes(attrs), draw),
  }
}

const sampleSignature = (text: string, given: Readonly<Record<string, Dim>>, draw: Draw): number[][] => {
  const known = new Map<string, number>(Object.entries(given).map(([n, d]) => [n, Number(d)]))
  const rest = Array.from({ length: draw.int(0, 2) }, draw.size)
  const sizeOf = (name: string): number => {
    if (/^\d+$/.test(name)) return Number(name)
    const size = known.get(name) ?? draw.size()
    known.set(name, size)
    return size
  }
  const axis = (a: Axis): number[] =>
    typeof a !== 'string' ? [a.map(sizeOf).reduce((x, y) => x * y, 1)] : a.startsWith('...') ? rest : [sizeOf(a)]
  return readSignature(text).inputs.map(axes => axes.flatMap(axis))
}

/** numpy's broadcasting of so many inputs: aligned at the end, a length of 1 is repeated. */
export const broadcasting = (arity: number): Rule => ({
  sentence: () => 'numpy broadcasting',
  infer: shapes => {
    if (shapes.length !== arity)
      return { why: `takes ${arity} inputs, got ${shapes.length}`, sizes: [arity, shapes.length] }
    const rank = Math.max(...shapes.map(s => s.length))
    const output: Dim[] = []
    for (let axis = 0; axis < rank; axis++) {
      let size: Dim = 1
      let by = 0
      for (const [k, s] of shapes.entries()) {
        const here = s[s.length - rank + axis] ?? 1
        if (here === 1 || here === size) continue
        if (size !== 1)
          return {
            why: `axis ${axis - rank} is ${size} in input ${by + 1} but ${here} in input ${k + 1}, which do not broadcast`,
            inputs: [by, k],
            axis: axis - rank,
            sizes: [size, here],
          }
        size = here
        by = k
      }
      output.push(size)
    }
    return output
  },
  sample: draw => {
    const full = Array.from({ length: draw.int(0, 3) }, draw.size)
    const part = (): number[] => full.slice(draw.int(0, full.length)).map(d => draw.pick([d, d, 1]))
    const whole = draw.int(0, arity - 1)
    return Array.from({ length: arity }, (_, k) => (k === whole ? full : part()))
  },
})
