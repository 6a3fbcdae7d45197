/** What golden cases run on: the float64 references of this library, and a device of WebGPU. */
import { either as E } from 'fp-ts'
import * as sluice from '../../lib/index.ts'
import { evaluate, type AnyTensor, type Door, type Feeds, type Value, type Weights } from '../../lib/index.ts'

export type MachineName = 'cpu' | 'gpu'
export interface Machine {
  readonly name: MachineName
  /** whether infinities, not-a-numbers and subnormals are kept; WGSL does not promise it */
  readonly strict: boolean
  /** The values of the outputs. Throws an error's message. */
  readonly run: (
    outputs: Readonly<Record<string, AnyTensor>>,
    feeds: Feeds,
    weights?: Weights,
  ) => Promise<Readonly<Record<string, Value>>>
  readonly close: () => void
}

const rightOf = <A>(result: E.Either<{ readonly message: string }, A>): A => {
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}

const cpu: Machine = {
  name: 'cpu',
  strict: true,
  run: async (outputs, feeds, weights) => rightOf(evaluate(outputs, feeds, weights === undefined ? {} : { weights })),
  close: () => {},
}

interface OpenedDevice {
  readonly name: string
  readonly dispose: () => void
}
/** The doors of lib/device, looked up at run time. */
interface Doors {
  readonly openDevice?: () => Door<OpenedDevice>
  readonly run?: (
    outputs: Readonly<Record<string, AnyTensor>>,
    feeds: Feeds,
    options: { readonly device: OpenedDevice; readonly weights?: Weights },
  ) => Door<Readonly<Record<string, Value>>>
}
const gpu = async (): Promise<Machine | string> => {
  const { openDevice, run } = sluice as unknown as Doors
  if (openDevice === undefined || run === undefined) return 'lib/device does not run programs yet'
  const opened = await openDevice()()
  if (E.isLeft(opened)) return opened.left.message
  const device = opened.right
  return {
    name: 'gpu',
    strict: false,
    run: async (outputs, feeds, weights) =>
      rightOf(await run(outputs, feeds, weights === undefined ? { device } : { device, weights })()),
    close: () => device.dispose(),
  }
}

/** A machine by name, or why there is none. */
export const openMachine = async (name: MachineName): Promise<Machine | string> => (name === 'cpu' ? cpu : gpu())
