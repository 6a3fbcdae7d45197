/**
 * How far two computations of the same thing may lie apart: one table, by what was computed and in which number format. A result
 * passes when, for every element, |got - wanted| <= atol + rtol * |wanted|; infinities and not-a-numbers must be in the same places.
 *
 * The classes for f32 are those of the reference data: `floor` is a share of the largest number of the tensor, what float32 loses in
 * any order of summation; a plain loop in float32 stays below a fifth of every limit. What rounding does to numbers that are
 * ill-conditioned (exp of a large one) or cancel is not in the table: it is measured (rounding.ts), and four times of it is added, since
 * a step that stands once in a meaning may be a few roundings of a kernel, each at most half a unit in the last place.
 */
import type { Value } from '../graph/index.ts'

export interface Tolerance {
  readonly atol: number
  readonly rtol: number
}
interface Class {
  readonly rtol: number
  readonly floor: number
  readonly why: string
}

/** f32 on a GPU against float64. */
export const classes = {
  exact: { rtol: 0, floor: 0, why: 'nothing is computed: movement, selection, comparison, rounding, codecs' },
  elementwise: { rtol: 1e-5, floor: 1e-6, why: 'one function of each element' },
  trigonometric: {
    rtol: 1e-5,
    floor: 5e-4,
    why: 'sin and cos: WGSL promises an absolute error of 2^-11 within ±pi and nothing beyond',
  },
  position: { rtol: 1e-5, floor: 5e-6, why: 'rope, with angles from a table made on the host or reduced with care' },
  accumulate: { rtol: 1e-5, floor: 3e-6, why: 'sums, means, norms, softmax, products' },
  attention: { rtol: 1e-5, floor: 1e-5, why: 'chains of two or three sums or products; RoI positions' },
  block: { rtol: 2e-5, floor: 2e-5, why: 'whole layers' },
} as const satisfies Record<string, Class>
export type ToleranceClass = keyof typeof classes

/** The rest of the table. All are shares of the largest number of the tensor. */
export const shares = {
  /** f16 has 11 bits: a rounding of each operand and of the result, and a sum of a few of those */
  f16: 4e-3,
  /** two orders of the same float64 sums: a composite's own reference and its meaning, a law, a graph with named sizes */
  float64: 1e-10,
  /** a difference quotient of fourth order with a step of 1e-4: 1e-16 / 1e-4 of rounding, h^4 of truncation, with a margin */
  quotient: 1e-7,
} as const

/** The largest finite magnitude of some numbers. */
export const largest = (data: ArrayLike<number>): number => {
  let most = 0
  for (let i = 0; i < data.length; i++) {
    const x = Math.abs(data[i]!)
    if (x > most && x < Number.POSITIVE_INFINITY) most = x
  }
  return most
}
/** The limits of a class for one tensor. `measured`: what rounding does to it. Sums that may cancel have a size of at least 0.1. */
export const limits = (of: ToleranceClass, wanted: Value, measured = 0): Tolerance => {
  const { rtol, floor } = classes[of]
  if (rtol === 0 || wanted.kind !== 'float') return { atol: 0, rtol: 0 }
  const sums = of === 'accumulate' || of === 'attention' || of === 'block'
  return { atol: 4 * measured + floor * Math.max(largest(wanted.data), sums ? 0.1 : 0), rtol }
}
/** The limits of a share. */
export const shareOf = (share: keyof typeof shares, wanted: Value): Tolerance => ({
  atol: shares[share] * Math.max(largest(wanted.data), 1e-3),
  rtol: 0,
})

/** What is the first difference beyond a tolerance, and how many there are; undefined where there is none. */
export const differs = (got: Value, wanted: Value, { atol, rtol }: Tolerance): string | undefined => {
  if (got.kind !== wanted.kind) return `holds ${got.kind} values, should hold ${wanted.kind}`
  if (got.shape.join() !== wanted.shape.join()) return `has shape [${got.shape}], should have [${wanted.shape}]`
  if (got.data.length !== wanted.data.length)
    return `holds ${got.data.length} numbers, should hold ${wanted.data.length}`
  let count = 0
  let first = -1
  for (let i = 0; i < wanted.data.length; i++) {
    const a = got.data[i]!
    const b = wanted.data[i]!
    // an infinite limit would let anything pass
    if (Object.is(a, b) || (Number.isFinite(b) && Math.abs(a - b) <= atol + rtol * Math.abs(b))) continue
    if (first < 0) first = i
    count++
  }
  if (first < 0) return undefined
  const of = count === 1 ? '' : ` (and ${count - 1} more of ${wanted.data.length})`
  const allowed = atol + rtol * Math.abs(wanted.data[first]!)
  const by =
    allowed === 0 ? '' : `, off by ${Math.abs(got.data[first]! - wanted.data[first]!)} where ${allowed} is allowed`
  return `element ${first} is ${got.data[first]}, should be ${wanted.data[first]}${by}${of}`
}
