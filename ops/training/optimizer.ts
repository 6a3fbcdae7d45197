/**
 * What all optimizers have in common, as a graph: gradients of several micro-batches add up, their norm is measured and limited, and
 * nothing changes where a number is not finite. What differs is a rule for one parameter.
 */
import {
  constant,
  loosely,
  type After,
  type AnyTensor,
  type Before,
  type Loose,
  type Moment,
  type Optimizer,
  type Schedule,
  type Slots,
} from '../../lib/index.ts'
import { add } from '../add.ts'
import { div } from '../div.ts'
import { equal } from '../equal.ts'
import { isFinite } from '../is-finite.ts'
import { minimum } from '../minimum.ts'
import { mul } from '../mul.ts'
import { shift } from '../shift.ts'
import { slice } from '../slice.ts'
import { reshape } from '../reshape.ts'
import { sqrt } from '../sqrt.ts'
import { sum } from '../sum.ts'
import { where } from '../where.ts'

/** The rule of one parameter: what its slots become, and then the parameter. */
export interface Rule<N extends string, S extends string> {
  readonly slots: readonly S[]
  /** numbers of a step, computed in float64 */
  readonly numbers: (at: Pick<Moment, 'step' | 'rate'>) => Readonly<Record<N, number>>
  readonly nextSlots: (given: Given<S>) => Readonly<Record<S, Loose>>
  /** from the slots of after */
  readonly next: (given: Given<S> & { readonly numbers: Readonly<Record<N, Loose>> }) => Loose
}
interface Given<S extends string> {
  readonly parameter: Loose
  readonly gradient: Loose
  readonly slots: Readonly<Record<S, Loose>>
}

const plus = (a: AnyTensor, b: AnyTensor): Loose => add(a as Loose, b as Loose) as Loose
export const times = (a: AnyTensor, b: AnyTensor): Loose => mul(a as Loose, b as Loose) as Loose
export const sumOf = (xs: readonly Loose[]): Loose => xs.reduce((a, b) => plus(a, b))

/** Axes of a tensor as those that fold first, along which it lies in memory, and the others. */
const sumOfSquares = (x: Loose): Loose => {
  const shape = x.shape as readonly number[]
  const squares = times(x, x)
  if (shape.length === 0) return squares
  const rows = shape.length > 1 ? (loosely(sum)(-1)(squares) as Loose) : squares
  return loosely(sum)(...rows.shape.map((_: unknown, axis: number) => axis))(rows)
}
/** The 2-norm of all numbers of some tensors together. */
export const globalNorm = (tensors: readonly Loose[]): Loose => sqrt(sumOf(tensors.map(sumOfSquares))) as Loose

/** What brings gradients of a norm down to `most`: min(1, most / (norm + 1e-6)). Pascanu et al., On the difficulty of training RNNs, 2013. */
export const clipScale =
  (most: number) =>
  (norm: Loose): Loose =>
    minimum(div(constant(most) as Loose, shift(1e-6)(norm) as Loose) as Loose, constant(1) as Loose) as Loose

const componentsOf = (numbers: Loose, names: readonly string[]): Readonly<Record<string, Loose>> =>
  Object.fromEntries(
    names.map((name, k) => [name, loosely(reshape)([])(loosely(slice)({ axis: 0, start: k, stop: k + 1 })(numbers))]),
  )

/** An optimizer that follows a rule, at the rates of a schedule. */
export const optimizer = <N extends string, S extends string>(schedule: Schedule, rule: Rule<N, S>): Optimizer => {
  const common = ({ share, first }: Moment) => ({ share, first: first ? 1 : 0 })
  const all = (at: Moment): Readonly<Record<string, number>> => ({ ...common(at), ...rule.numbers(at) })
  const names = Object.keys(all({ step: 1, rate: 0, share: 1, first: true }))
  const update = ({ loss, parameters, gradients, slots, carried, numbers, clip }: Before): After => {
    const parts = componentsOf(numbers, names)
    const isFirst = equal(parts['first'] as Loose, constant(1) as Loose)
    const totals =
      carried === undefined
        ? gradients
        : gradients.map((gradient, k) => {
            const own = times(gradient, parts['share']!)
            const before = where(isFirst as never, constant(0) as never, carried[k] as never) as Loose
            return plus(before, own)
          })
    const norm = globalNorm(totals)
    const isSound = isFinite(plus(norm, loss))
    const kept = (next: Loose, old: Loose): Loose => where(isSound as never, next as never, old as never) as Loose
    const clipped = clip === undefined ? totals : totals.map(total => times(total, clipScale(clip)(norm)))
    const given = parameters.map((parameter, k) => ({ parameter, gradient: clipped[k]! }))
    const slotsAfter = given.map((one, k): Slots => {
      const old = slots[k] as Record<S, Loose>
      const next = rule.nextSlots({ ...one, slots: old })
      return Object.fromEntries(rule.slots.map(slot => [slot, kept(next[slot], old[slot])]))
    })
    return {
      parameters: given.map((one, k) => {
        const next = rule.next({ ...one, slots: slotsAfter[k] as Record<S, Loose>, numbers: parts as Record<N, Loose> })
        return kept(next, one.parameter)
      }),
      slots: slotsAfter,
      ...(carried === undefined ? {} : { carried: totals }),
      norm,
    }
  }
  return { schedule, slots: rule.slots, numbers: at => Object.values(all(at)), update }
}
