/** What golden cases run on: the float64 references of this library, and a device of WebGPU. */
import { either as E } from 'fp-ts'
import {
  evaluate,
  openDevice,
  parameters,
  run,
  type AnyTensor,
  type Feeds,
  type Value,
  type WeightSource,
} from '../../lib/index.ts'
import { byReference, onDevice, type Engine } from '../../models/answer/index.ts'

export type MachineName = 'cpu' | 'gpu'
export interface Machine {
  readonly name: MachineName
  /** whether infinities, not-a-numbers and subnormals are kept; WGSL does not promise it */
  readonly strict: boolean
  /** The values of the outputs. Throws an error's message. */
  readonly run: (
    outputs: Readonly<Record<string, AnyTensor>>,
    feeds: Feeds,
    weights?: WeightSource,
  ) => Promise<Readonly<Record<string, Value>>>
  /** what a loaded model is asked on */
  readonly engine: Engine
  readonly close: () => void
}

const rightOf = <A>(result: E.Either<{ readonly message: string }, A>): A => {
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}

/** Weights that are read when asked for, all of them read. */
const valuesOf = async (
  outputs: Readonly<Record<string, AnyTensor>>,
  weights: WeightSource,
): Promise<ReadonlyMap<string, Value>> => {
  const values = new Map<string, Value>()
  for (const { name } of parameters(outputs)) {
    const stored = weights.get(name)
    if (stored === undefined) continue
    if ('data' in stored) values.set(name, stored)
    else values.set(name, { kind: 'float', shape: stored.shape, data: rightOf(await stored.read()) })
  }
  return values
}

const cpu: Machine = {
  name: 'cpu',
  strict: true,
  engine: byReference,
  run: async (outputs, feeds, weights) =>
    rightOf(evaluate(outputs, feeds, weights === undefined ? {} : { weights: await valuesOf(outputs, weights) })),
  close: () => {},
}

const gpu = async (): Promise<Machine | string> => {
  const opened = await openDevice()()
  if (E.isLeft(opened)) return opened.left.message
  const device = opened.right
  return {
    name: 'gpu',
    strict: false,
    engine: onDevice({ device }),
    run: async (outputs, feeds, weights) =>
      rightOf(await run(outputs, feeds, weights === undefined ? { device } : { device, weights })()),
    close: () => device.dispose(),
  }
}

/** A machine by name, or why there is none. */
export const openMachine = async (name: MachineName): Promise<Machine | string> => (name === 'cpu' ? cpu : gpu())
