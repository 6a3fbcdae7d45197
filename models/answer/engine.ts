/**
 * What a model runs on. An engine prepares outputs with weights once and then runs them as often as wanted: a WebGPU device,
 * or this library's references in float64, which need no GPU and are slow.
 */
import { either as E, taskEither as TE } from 'fp-ts'
import type { Door, SluiceError } from '../../lib/errors.ts'
import {
  compile,
  evaluate,
  interrupted,
  parameters,
  type AnyTensor,
  type CompileOptions,
  type Feeds,
  type Program,
  type Value,
} from '../../lib/index.ts'
import type { TensorEntry } from '../../lib/weights/tensor-file.ts'

export type Outputs = Readonly<Record<string, AnyTensor>>
export type Values = Readonly<Record<string, Value>>
/** Outputs that are ready to run. */
export interface Prepared {
  readonly run: (feeds: Feeds, signal?: AbortSignal) => Door<Values>
  readonly dispose: () => void
}
export type Engine = (outputs: Outputs, weights: ReadonlyMap<string, TensorEntry>) => Door<Prepared>

/** Compiled for a device: the shared one, unless said. */
export const onDevice =
  (options: Omit<CompileOptions, 'weights'> = {}): Engine =>
  (outputs, weights) =>
    TE.map((program: Program) => ({
      run: (feeds: Feeds, signal?: AbortSignal) => program.run(feeds, signal === undefined ? {} : { signal }),
      dispose: () => program.dispose(),
    }))(compile(outputs, { ...options, weights }))

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
  const run = (feeds: Feeds, signal?: AbortSignal): Door<Values> =>
    signal?.aborted
      ? TE.left(interrupted('the model'))
      : TE.fromEither(evaluate(outputs, feeds, { weights: read }) as E.Either<SluiceError, Values>)
  return E.right({ run, dispose: () => {} })
}
