/**
 * What training asks of an optimizer and of a schedule. Both are values: an optimizer says as a graph what parameters become, so that a
 * step is one program; a schedule is a function of the iteration, so that its rate can be an input of that program.
 */
import type { Loose } from '../graph/index.ts'

/** The learning rate at an iteration, counted from 0, of a run of so many iterations. Throws RangeError for a run it is not for. */
export type Schedule = (iteration: number, iterations: number) => number

/** Tensors by slot: what an optimizer remembers of one parameter, such as a mean of its gradients. */
export type Slots = Readonly<Record<string, Loose>>

/** Where in a run a step is. */
export interface Moment {
  /** of the update, counted from 1 */
  readonly step: number
  readonly rate: number
  /** of the micro-batch in the gradient of its update: 1 where there is one */
  readonly share: number
  /** is it the first micro-batch of its update? */
  readonly first: boolean
}
export interface Before {
  readonly loss: Loose
  readonly parameters: readonly Loose[]
  /** of each parameter */
  readonly gradients: readonly Loose[]
  readonly slots: readonly Slots[]
  /** sums of the gradients of earlier micro-batches, where an update is made of several */
  readonly carried?: readonly Loose[]
  /** what `numbers` gives, as one tensor [n] */
  readonly numbers: Loose
  /** the largest norm that the gradients may have together, of those of several micro-batches their mean's */
  readonly clip?: number
}
/** The same after the update. Where the loss or a gradient is not finite, it is as it was. */
export interface After {
  readonly parameters: readonly Loose[]
  readonly slots: readonly Slots[]
  readonly carried?: readonly Loose[]
  /** of all gradients together, before they are clipped */
  readonly norm: Loose
}
export interface Optimizer {
  readonly schedule: Schedule
  /** names of the tensors that it keeps of every parameter, zeros at first */
  readonly slots: readonly string[]
  /** what the graph is given at every micro-batch, computed in float64: always as many */
  readonly numbers: (at: Moment) => readonly number[]
  readonly update: (before: Before) => After
}
