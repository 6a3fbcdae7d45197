/**
 * The doors: a graph in, values or a program out. `run` is for asking once, `compile` for asking often. Unless a device is given, both
 * share one that is opened at the first call, so that kernels are compiled once for all.
 */
import { platform } from '#platform'
import { either as E, task as T, taskEither as TE } from 'fp-ts'
import { lower, type LowerOptions } from '../compile/lower.ts'
import type { Lowered } from '../compile/pass.ts'
import type { Door, GraphError, SluiceError } from '../errors.ts'
import { isTensor, outputList, topological, type Feeds, type Outputs, type Value } from '../graph/index.ts'
import type { Values } from '../interpret/evaluate.ts'
import { checkParameters, checkUpdates } from '../interpret/parameters.ts'
import { ShapeError } from '../shape/index.ts'
import { deviceOf, type Device, type DeviceOptions } from './device.ts'
import { readTuned } from './tuned.ts'
import { load, type LoadOptions } from './load.ts'
import type { RunOptions } from './asked.ts'
import type { Program } from './program.ts'
import type { WeightSource } from './upload.ts'
import type { Warming } from './warm.ts'

export interface CompileOptions extends LoadOptions, Warming {
  /** weights by full name; without them parameters take their initial values */
  readonly weights?: WeightSource
  /** how weights are stored on the device; f32 unless said */
  readonly storage?: NonNullable<LowerOptions['weights']>
  /** what every state becomes after a run: the state's tensor and its next value */
  readonly next?: NonNullable<LowerOptions['next']>
  /** about how many runs there will be: the more, the longer kernels may take to compile; 100 unless said */
  readonly runs?: number
  /** a device from `openDevice`; the shared one unless said */
  readonly device?: Device
}

/** The options with what `sluice tune` has measured on the adapter. */
const withTuned =
  (info: GPUAdapterInfo, options: DeviceOptions): T.Task<DeviceOptions> =>
  async () => {
    const choose = options.tuned === false ? undefined : await readTuned(info)()
    return choose === undefined ? options : { ...options, profile: { choose, ...options.profile } }
  }

/**
 * A device with everything its adapter offers: the platform's choice, or that of the options.
 * Error `no adapter`, whose message says what was tried and what to do.
 */
export const openDevice = (options: DeviceOptions = {}): Door<Device> => {
  const { device, adapter } = options
  const tuned = (info: GPUAdapterInfo, from: { device: GPUDevice } | { adapter: GPUAdapter }): Door<Device> =>
    T.flatMap((known: DeviceOptions) => deviceOf({ ...known, ...from }))(withTuned(info, options))
  if (device !== undefined) return tuned(device.adapterInfo, { device })
  if (adapter !== undefined) return tuned(adapter.info, { adapter })
  return TE.flatMap((found: { readonly adapter: GPUAdapter }) => tuned(found.adapter.info, { adapter: found.adapter }))(
    platform.findAdapter,
  )
}

let shared: Promise<E.Either<SluiceError, Device>> | undefined
/** The device that `run` and `compile` share: opened at the first call, and again when it was lost or disposed of. */
export const sharedDevice: Door<Device> = async () => {
  const known = await shared
  if (known !== undefined && E.isRight(known) && known.right.lost() === undefined) return known
  shared = openDevice()()
  return shared
}

/** Lowering as a door: what is wrong with a graph is an error of the kind `shape`. */
const lowered = (outputs: Outputs, device: Device, options: CompileOptions): E.Either<GraphError, Lowered> => {
  const { storage = 'f32', next = [], runs = 100 } = options
  const named = checkParameters(topological([...outputList(outputs), ...next.flat()]))
  if (E.isLeft(named)) return named
  const updated = checkUpdates(next)
  if (E.isLeft(updated)) return updated
  return E.tryCatch(
    () => lower(outputs, { profile: device.profile, weights: storage, next, runs }),
    (error): GraphError => {
      const message = error instanceof Error ? error.message : String(error)
      return error instanceof ShapeError ? { kind: 'shape', message, error } : { kind: 'shape', message }
    },
  )
}

/**
 * A program that is ready to run: lowered, loaded and warm. `dispose` it when it is not needed any more.
 * Errors: `no adapter`, those of `load`, and `shape` where the graph cannot be lowered.
 */
export const compile =
  (outputs: Outputs, options: CompileOptions = {}): Door<Program> =>
  async () => {
    const { weights, allowInitial = weights === undefined } = options
    const device = options.device === undefined ? await sharedDevice() : E.right(options.device)
    if (E.isLeft(device)) return device
    const passes = lowered(outputs, device.right, options)
    if (E.isLeft(passes)) return passes
    const program = await load(passes.right, device.right, weights ?? new Map(), { ...options, allowInitial })()
    if (E.isLeft(program)) return program
    const warmed = await program.right.warm(options)()
    if (E.isRight(warmed)) return program
    program.right.dispose()
    return warmed
  }

/** The values of a graph, once. `compile` it where it runs again: that keeps weights, memory and plans. Errors: those of both. */
export const run =
  <O extends Outputs>(
    outputs: O,
    feeds: Feeds = {},
    options: CompileOptions & Omit<RunOptions, 'only'> = {},
  ): Door<Values<O>> =>
  async () => {
    const program = await compile(outputs, options)()
    if (E.isLeft(program)) return program
    const values = await program.right.run(feeds, options)()
    program.right.dispose()
    return E.map(
      (byName: Readonly<Record<string, Value>>) => (isTensor(outputs) ? Object.values(byName)[0] : byName) as Values<O>,
    )(values)
  }
