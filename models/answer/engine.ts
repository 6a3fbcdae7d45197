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
  parameters,
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
  readonly dispose: () => void
}
export type Engine = (outputs: Outputs, weights: ReadonlyMap<string, TensorEntry>) => Door<Prepared>

/** Compiled for a device: the shared one, unless said. */
export const onDevice =
  (options: Omit<CompileOptions, 'weights' | 'next'> = {}): Engine =>
  (outputs, weights) =>
    TE.map(({ run, reset, dispose }: Program): Prepared => ({ run, reset, dispose }))(
      compile(outputs, { ...options, weights, next: updates(outputs) }),
    )

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
  const run =
    (feeds: Feeds, { signal, only = Object.keys(outputs) }: RunOptions = {}): Door<Values> =>
    async () => {
      // computing does not let others have a turn, such as who wants to interrupt it
      await new Promise(resolve => setTimeout(resolve))
      if (signal?.aborted === true) return E.left(interrupted('the model'))
      const wanted = Object.fromEntries(only.map(name => [name, outputs[name]!]))
      const values: E.Either<SluiceError, Values> = evaluate({ ...next, ...wanted }, feeds, { weights: read })
      if (E.isLeft(values)) return values
      for (const name of Object.keys(next)) read.set(name, values.right[name]!)
      return E.right(Object.fromEntries(only.map(name => [name, values.right[name]!])))
    }
  const reset: Door<void> = async () => {
    for (const name of Object.keys(next)) read.delete(name)
    return E.right(undefined)
  }
  return E.right({ run, reset, dispose: () => {} })
}
