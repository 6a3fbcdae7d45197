/**
 * What a model runs on. An engine prepares outputs with weights once and then runs them as often as wanted: a WebGPU device,
 * or this library's references in float64, which need no GPU and are slow. States advance from run to run on both.
 */
import { either as E, taskEither as TE } from 'fp-ts'
import type { Door, SluiceError } from '../../lib/errors.ts'
import {
  compile,
  evaluate,
  interrupted,
  nodeOf,
  outputList,
  parameters,
  topological,
  updates,
  type AnyTensor,
  type CompileOptions,
  type Feeds,
  type Program,
  type RunOptions,
  type Value,
} from '../../lib/index.ts'
import type { TensorEntry } from '../../lib/weights/tensor-file.ts'

export type Outputs = Readonly<Record<string, AnyTensor>>
export type Values = Readonly<Record<string, Value>>
/** Outputs that are ready to run. */
export interface Prepared {
  /** the outputs, or `only` some of them */
  readonly run: (feeds: Feeds, options?: RunOptions) => Door<Values>
  /** all states as they were at first */
  readonly reset: Door<void>
  /** is a run that is asked for before the last was answered worked on meanwhile? no unless said */
  readonly overlaps?: boolean
  readonly dispose: () => void
}
export type Engine = (outputs: Outputs, weights: ReadonlyMap<string, TensorEntry>) => Door<Prepared>

/** Compiled for a device: the shared one, unless said. */
export const onDevice =
  (options: Omit<CompileOptions, 'weights' | 'next'> = {}): Engine =>
  (outputs, weights) =>
    TE.map(({ run, reset, dispose }: Program): Prepared => ({ run, reset, dispose, overlaps: true }))(
      compile(outputs, { ...options, weights, next: updates(outputs) }),
    )

const picked = <A>(from: Readonly<Record<string, A>>, names: readonly string[]): Readonly<Record<string, A>> =>
  Object.fromEntries(names.map(name => [name, from[name]!]))
const inputsOf = (tensors: readonly AnyTensor[]): ReadonlySet<string> =>
  new Set(topological(tensors).flatMap(node => (node.role === 'input' ? [node.name] : [])))
/** By the references of the ops, in float64. */
export const byReference: Engine = (outputs, weights) => async () => {
  const read = new Map<string, Value>()
  for (const { name } of parameters(outputs)) {
    const entry = weights.get(name)
    const data = await entry?.read()
    if (entry === undefined || data === undefined) continue
    if (E.isLeft(data)) return data
    read.set(name, { kind: 'float', shape: entry.shape, data: data.right })
  }
  // states are among the weights from their first value on
  const next: Outputs = Object.fromEntries(
    updates(outputs).map(([state, value]) => [(nodeOf(state) as { readonly name: string }).name, value]),
  )
  const inputs = inputsOf([outputs, next].flatMap(outputList))
  const run =
    (feeds: Feeds, { signal, only = Object.keys(outputs), advance }: RunOptions = {}): Door<Values> =>
    async () => {
      // computing does not let others have a turn, such as who wants to interrupt it
      await new Promise(resolve => setTimeout(resolve))
      if (signal?.aborted === true) return E.left(interrupted('the model'))
      const advancing = Object.keys(next).filter(name => advance?.includes(name) ?? true)
      const computed: Outputs = { ...picked(next, advancing), ...picked(outputs, only) }
      // what these do not need may be fed, as on a device
      const needed = inputsOf(outputList(computed))
      const fed = Object.entries(feeds).filter(([name]) => needed.has(name) || !inputs.has(name))
      const values: E.Either<SluiceError, Values> = evaluate(computed, Object.fromEntries(fed), { weights: read })
      if (E.isLeft(values)) return values
      for (const name of advancing) read.set(name, values.right[name]!)
      return E.right(picked(values.right, only))
    }
  const reset: Door<void> = async () => {
    for (const name of Object.keys(next)) read.delete(name)
    return E.right(undefined)
  }
  return E.right({ run, reset, dispose: () => {} })
}
