/**
 * A training step as a graph: loss, gradients, their norm, and what parameters become. What is trained becomes states, which stay on the
 * device from step to step; what is frozen stays a parameter, of which no gradient is taken and nothing is kept for one.
 */
import {
  asTensor,
  inputOf,
  nodeOf,
  rewrite,
  state,
  topological,
  type Loose,
  type Node,
  type Source,
  type Tensor,
} from '../graph/index.ts'
import { stepsOf } from '../interpret/block-tree.ts'
import { gradient } from '../interpret/gradient.ts'
import type { Update } from '../interpret/parameters.ts'
import type { Optimizer } from './optimizer.ts'

/** Names of blocks, whose parameters are trained, or a choice by full name. */
export type Trainable = readonly string[] | ((name: string) => boolean)

/** Steps of a usual training run: kernels of a step are worth compiling for long. */
export const usualSteps = 10_000

export interface StepOptions {
  /** all parameters unless said */
  readonly trainable?: Trainable
  readonly optimizer: Optimizer
  /** largest norm of all gradients together; they are not limited unless said */
  readonly clip?: number
  /**
   * Names of blocks that are computed again for their gradients, so that nothing but what goes into them is kept for that. Each of
   * several that are numbered stands alone: 'layers' are layers.0, layers.1, ….
   */
  readonly recompute?: readonly string[]
  /** is an update made of several micro-batches? */
  readonly accumulate?: boolean
}
export interface StepGraph {
  readonly outputs: Readonly<Record<'loss' | 'norm', Loose>>
  /** all states with what they become */
  readonly next: readonly Update[]
  /** states that a micro-batch changes which is not the last of its update */
  readonly carried: readonly string[]
  /** the trained parameters, in the order of their first use */
  readonly trained: readonly Source[]
}

/** The name of the input of numbers that an optimizer reads. */
export const numbersInput = 'optimizer'
/** The state in which an optimizer keeps a slot of a parameter. */
export const slotName = (slot: string, parameter: string): string => `${slot}.${parameter}`
const carriedName = (parameter: string): string => slotName('gradient', parameter)

/** Is the parameter chosen: by name, or by the name of a block around it? */
export const isTrained = (trainable: Trainable | undefined, name: string): boolean => {
  if (trainable === undefined) return true
  if (typeof trainable === 'function') return trainable(name)
  return trainable.some(block => `.${name}.`.includes(`.${block}.`))
}

/** Blocks of a choice in which there is no parameter. */
export const unknownBlocks = (trainable: Trainable | undefined, names: readonly string[]): readonly string[] =>
  trainable === undefined || typeof trainable === 'function'
    ? []
    : trainable.filter(block => !names.some(name => isTrained([block], name)))

/** The outermost of some blocks around a path, with its number if it has one. */
const blockAmong =
  (blocks: readonly string[]) =>
  (path: string): string | undefined => {
    const steps = stepsOf(path)
    const bare = (step: string): string => step.replace(/\.\d+$/, '')
    const depth = steps.findIndex((_, k) => {
      const upTo = steps.slice(0, k + 1)
      const names = [upTo.join('.'), [...upTo.slice(0, -1), bare(upTo[k]!)].join('.')]
      return blocks.some(block => names.some(name => `.${name}`.endsWith(`.${block}`)))
    })
    return depth < 0 ? undefined : steps.slice(0, depth + 1).join('.')
  }

/** Tables of fixed positions are parameters, since files have them; they are not learned. */
const isLearned = (node: Node): node is Source => node.role === 'parameter' && node.init?.init !== 'sine grid'

/** The step that makes a loss smaller. */
export const trainingStep = (loss: Tensor<[]>, options: StepOptions): StepGraph => {
  const { trainable, optimizer, clip, recompute, accumulate = false } = options
  const states = new Map<string, Source>()
  const stateOf = (parameter: Source): Source => {
    const known = states.get(parameter.name) ?? Object.freeze({ ...parameter, role: 'state' as const })
    states.set(parameter.name, known)
    return known
  }
  const order = topological([loss])
  // states stand in the order in which the loss needs them
  for (const node of order) if (isLearned(node) && isTrained(trainable, node.name)) stateOf(node)
  const to = rewrite([nodeOf(loss)], node => (isLearned(node) && states.has(node.name) ? stateOf(node) : node))
  const onStates = asTensor<Tensor<[]>>(to.get(nodeOf(loss)) as Node)
  const trained = [...states.values()]
  // the last parameters first, as their gradients come to be: so what they are made from is freed in time
  const backward = trained.toReversed()
  const again = recompute === undefined ? {} : { recompute: blockAmong(recompute) }
  const gradients = gradient(onStates, backward, again)
  const slotsOf = (parameter: Source): Readonly<Record<string, Loose>> =>
    Object.fromEntries(optimizer.slots.map(slot => [slot, stateLike(slotName(slot, parameter.name), parameter)]))
  const slots = backward.map(slotsOf)
  const sums = accumulate ? backward.map(p => stateLike(carriedName(p.name), p)) : undefined
  const count = optimizer.numbers({ step: 1, rate: 0, share: 1, first: true }).length
  const after = optimizer.update({
    loss: onStates as Loose,
    parameters: backward.map(p => asTensor<Loose>(p)),
    gradients,
    slots,
    ...(sums === undefined ? {} : { carried: sums }),
    numbers: inputOf(numbersInput, [count]) as Loose,
    ...(clip === undefined ? {} : { clip }),
  })
  const next = backward.flatMap((parameter, k): readonly Update[] => [
    ...optimizer.slots.map((slot): Update => [slots[k]![slot]!, after.slots[k]![slot]!]),
    [asTensor<Loose>(parameter), after.parameters[k]!],
    ...(sums === undefined ? [] : [[sums[k]!, after.carried![k]!] as const]),
  ])
  return {
    outputs: { loss: onStates as Loose, norm: after.norm },
    next,
    carried: sums === undefined ? [] : trained.map(p => carriedName(p.name)),
    trained,
  }
}

const stateLike = (name: string, parameter: Source): Loose => state(name, parameter.shape, { init: 'zeros' }) as Loose
