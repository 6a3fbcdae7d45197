/**
 * A trainer: the program of a step on a device, with the parameters and what the optimizer remembers of them in its states. A micro-batch
 * is one run; only the loss and the norm of the gradients come back. Where a run is in its schedule arrives as an input, so that one
 * program serves all of it.
 */
import { either as E } from 'fp-ts'
import { feedError, type Door, type GraphError, type SluiceError } from '../errors.ts'
import { compile, type CompileOptions } from '../device/run.ts'
import type { Program } from '../device/program.ts'
import type { LazyTensor, WeightSource } from '../device/upload.ts'
import { topological, value, type Feeds, type Tensor, type Value } from '../graph/index.ts'
import { ShapeError } from '../shape/index.ts'
import type { Moment } from './optimizer.ts'
import {
  isTrained,
  numbersInput,
  slotName,
  trainingStep,
  unknownBlocks,
  usualSteps,
  type StepGraph,
  type StepOptions,
} from './step.ts'

/** A loss in terms of inputs and parameters, and numbers for the parameters. */
export interface Lossy {
  readonly loss: Tensor<[]>
  /** those that it lacks take their initial values */
  readonly weights: WeightSource
}
export interface TrainerOptions
  extends StepOptions, Omit<CompileOptions, 'weights' | 'next' | 'allowInitial' | 'signal'> {}

/** What comes back of a micro-batch; the norm where it ended an update. */
export interface Stepped {
  readonly loss: number
  readonly norm?: number
}
export interface Trainer {
  readonly program: Program
  /** full names of the trained parameters */
  readonly trained: readonly string[]
  /** names of what `read` gives */
  readonly kept: readonly string[]
  /** One micro-batch; `ends` says whether it is the last of its update. Errors: those of running. */
  readonly step: (feeds: Feeds, at: Moment & { readonly ends: boolean }) => Door<Stepped>
  /** Parameters by name, and what the optimizer remembers by slot and name. */
  readonly read: Door<ReadonlyMap<string, Value>>
  /** The parameters alone. */
  readonly parameters: Door<ReadonlyMap<string, Value>>
  /** Numbers for some of what `read` gives. */
  readonly write: (values: ReadonlyMap<string, Value>) => Door<void>
  readonly dispose: () => void
}

/** Errors: `feed` where a block is chosen in which there is no parameter; those of `compile`. */
export const openTrainer =
  ({ loss, weights }: Lossy, options: TrainerOptions): Door<Trainer> =>
  async () => {
    const { trainable } = options
    const names = topological([loss]).flatMap(node => (node.role === 'parameter' ? [node.name] : []))
    const unknown = unknownBlocks(trainable, names)
    if (unknown.length > 0) {
      const message = `no parameter is in ${unknown.map(block => `'${block}'`).join(', ')}; the model has ${blocksOf(names)}`
      return E.left(feedError('trainable', message))
    }
    const graph = stepGraph(loss, options)
    if (E.isLeft(graph)) return graph
    const { outputs, next, trained } = graph.right
    const frozen: WeightSource = { get: name => (isTrained(trainable, name) ? undefined : weights.get(name)) }
    const program = await compile(outputs, {
      runs: usualSteps,
      ...options,
      next,
      weights: frozen,
      allowInitial: true,
    })()
    if (E.isLeft(program)) return program
    const made = trainerOf(program.right, graph.right, options)
    for (const { name } of trained) {
      const given = weights.get(name)
      if (given === undefined) continue
      const numbers = await valueOf(given)()
      const written = E.isLeft(numbers) ? numbers : await program.right.writeState(name, numbers.right)()
      if (E.isRight(written)) continue
      made.dispose()
      return written
    }
    return E.right(made)
  }

const stepGraph = (loss: Tensor<[]>, options: StepOptions): E.Either<GraphError, StepGraph> =>
  E.tryCatch(
    () => trainingStep(loss, options),
    (error): GraphError => {
      const message = error instanceof Error ? error.message : String(error)
      return error instanceof ShapeError ? { kind: 'shape', message, error } : { kind: 'shape', message }
    },
  )
const blocksOf = (names: readonly string[]): string => {
  const first = [...new Set(names.map(name => name.split('.')[0] as string))]
  return first.length === 0 ? 'no parameters' : first.map(block => `'${block}'`).join(', ')
}
const valueOf = (given: Value | LazyTensor): Door<Value> =>
  'data' in given
    ? () => Promise.resolve(E.right(given))
    : async () => E.map((data: Float32Array | Int32Array) => value(given.shape, data))(await given.read())

const trainerOf = (program: Program, { carried, trained }: StepGraph, { optimizer }: StepOptions): Trainer => {
  const parameters = trained.map(({ name }) => name)
  const slots = parameters.flatMap(name => optimizer.slots.map(slot => slotName(slot, name)))
  const readAll =
    (names: readonly string[]): Door<ReadonlyMap<string, Value>> =>
    async () => {
      const values = new Map<string, Value>()
      for (const name of names) {
        const read = await program.readState(name)()
        if (E.isLeft(read)) return read
        values.set(name, read.right)
      }
      return E.right(values)
    }
  return {
    program,
    trained: parameters,
    kept: [...parameters, ...slots],
    step:
      (feeds, { ends, ...at }) =>
      async () => {
        const numbers = Float32Array.from(optimizer.numbers(at))
        const all = { ...feeds, [numbersInput]: value([numbers.length], numbers) }
        const ran = await program.run(all, ends ? {} : { only: ['loss'], advance: carried })()
        if (E.isLeft(ran)) return ran
        const { loss, norm } = ran.right
        return E.right({ loss: loss!.data[0]!, ...(norm === undefined ? {} : { norm: norm.data[0]! }) })
      },
    read: readAll([...parameters, ...slots]),
    parameters: readAll(parameters),
    write: values => async () => {
      for (const [name, one] of values) {
        const written: E.Either<SluiceError, void> = await program.writeState(name, one)()
        if (E.isLeft(written)) return written
      }
      return E.right(undefined)
    },
    dispose: program.dispose,
  }
}
