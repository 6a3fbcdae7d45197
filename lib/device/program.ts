/**
 * A program on a device: the passes of a lowered graph with their weights in place. A run binds the named sizes, looks up or makes the
 * memory plan and the bind groups for them, writes the inputs, encodes all passes into one submit (long runs on a GPU into a few) and reads
 * everything back at once. States stay on the device. Runs of one program follow one another, and the next one may be handed over before
 * the last was answered; nothing is left behind but what `dispose` frees.
 */
import { platform } from '#platform'
import { either as E, taskEither as TE } from 'fp-ts'
import type { MemoryPlan, Planner } from '../compile/memory.ts'
import { storageBytes, type BufferPlan, type Lowered } from '../compile/pass.ts'
import { deviceError, feedError, interrupted, type DeviceError, type Door, type SluiceError } from '../errors.ts'
import { countOf, topological, type Feeds, type Node, type Source, type Value } from '../graph/index.ts'
import { bind, keeps, type Bindings, type Bound } from '../interpret/bind.ts'
import { asking, type Asked, type RunOptions } from './asked.ts'
import { deviceOf, type Device } from './device.ts'
import { fill } from './fill.ts'
import { fromBytes, toBytes } from './numbers.ts'
import type { Kernel, Pipeline } from './pipelines.ts'
import { timePasses, type Profile, type ProfileOptions } from './profile.ts'
import { readBack, type Results, type Wanted } from './read-back.ts'
import { runMemory, type OwnMemory, type Ready } from './residence.ts'
import { encodeSteps, handedOver } from './steps.ts'
import { writeBytes, type Upload, type WeightSource } from './upload.ts'
import { warm, type Warming } from './warm.ts'

/**
 * Calls that overlap take turns, in their order. A run gives up its turn when all of it is handed over and the one before was answered: the
 * device computes one and has the next, without a pause between them. Every failure is a value.
 */
export interface Program {
  readonly device: Device
  readonly lowered: Lowered
  /** different kernels: the pipelines that the program needs */
  readonly kernels: number
  /** Memory that a run with these named sizes takes; nothing is allocated. Errors: `limit`, `shape`. */
  readonly plan: (sizes?: Bindings) => E.Either<SluiceError, MemoryPlan>
  /** Makes machine code now, where the driver would make it at the first run. */
  readonly warm: (warming?: Warming) => Door<void>
  /**
   * Outputs by name: floats as Float32Array, indices and truth values as Int32Array.
   * Errors: `feed`, `shape`, `limit`, `out of memory`, `device lost`, `interrupted`.
   */
  readonly run: (feeds?: Feeds, options?: RunOptions) => Door<Readonly<Record<string, Value>>>
  /** Time of every pass. States do not advance, unless passes write them in place. */
  readonly profile: (feeds?: Feeds, options?: ProfileOptions) => Door<Profile>
  readonly readState: (name: string) => Door<Value>
  readonly writeState: (name: string, value: Value) => Door<void>
  /** All states as they were at first. */
  readonly reset: Door<void>
  /** Other weights in place of those loaded. */
  readonly reload: (weights: WeightSource) => Door<void>
  /** Frees all memory of the program; the device stays. */
  readonly dispose: () => void
}

/** Floating-point operations in one submit: about a second of work. */
const submitFlops: Readonly<Record<Device['profile']['tuning'], number>> = {
  lavapipe: 1e11,
  swiftshader: 2e10,
  gpu: 5e11,
}

/** Devices that compile at the same time at most. */
const lanes = (): number => Math.min(4, platform.cores())
const helper: Door<Device> = TE.flatMap(deviceOf)(platform.findAdapter)

/** What `bind` has to see of the graph: the inputs, and for sizes that are new every different shape with names once. */
const nodesToBind = ({ outputs, buffers }: Lowered): Readonly<Record<'inputs' | 'shapes', readonly Node[]>> => {
  const shapes = new Map<string, Node>()
  const inputs = new Map<string, Node>()
  const sources = buffers.flatMap(({ holds }) => (holds.what === 'input' ? [holds.source] : []))
  for (const node of [...topological(outputs.map(o => o.tensor)), ...sources]) {
    if (node.role === 'input') inputs.set(node.name, node)
    else if (node.shape.some(d => typeof d === 'string')) shapes.set(node.shape.join(), node)
  }
  return { inputs: [...inputs.values()], shapes: [...shapes.values()] }
}

const copyWhole = (encoder: GPUCommandEncoder, from: GPUBuffer, to: GPUBuffer): void =>
  encoder.copyBufferToBuffer(from, 0, to, 0, from.size)

/** Runs tasks one after another, in the order of the calls; `refusal` is asked before each. */
const oneAtATime = (
  refusal: () => SluiceError | undefined,
): (<A>(task: () => Promise<E.Either<SluiceError, A>>) => Door<A>) => {
  let last: Promise<unknown> = Promise.resolve()
  return task => () => {
    const turn = last.then(() => {
      const refused = refusal()
      return refused === undefined ? task() : E.left(refused)
    })
    last = turn.catch(() => undefined)
    return turn
  }
}

/** A loaded program, and what it is made of. */
export interface Parts {
  readonly lowered: Lowered
  readonly device: Device
  readonly planner: Planner
  readonly kernels: readonly Kernel[]
  readonly pipelines: ReadonlyMap<string, Pipeline>
  readonly own: OwnMemory
  /** checks and uploads weights, and packs them */
  readonly place: (weights: WeightSource) => Promise<E.Either<SluiceError, void>>
  readonly upload: Upload
}

export const programOf = ({ lowered, device, planner, kernels, pipelines, own, place, upload }: Parts): Program => {
  const { buffers, passes } = lowered
  const memory = runMemory(device, planner, passes, pipelines, own)
  const staging = readBack(device)
  const spares = new Map<BufferPlan, GPUBuffer>()
  let disposed: DeviceError | undefined
  const exclusive = oneAtATime(() => disposed ?? device.lost())
  const toBind = nodesToBind(lowered)
  const ask = asking(lowered, submitFlops[device.profile.tuning])
  const inputs = buffers.flatMap(b => (b.holds.what === 'input' ? [{ buffer: b, name: b.holds.source.name }] : []))
  const states = new Map(
    buffers.flatMap(b =>
      b.holds.what === 'state' ? [[b.holds.source.name, { buffer: b, source: b.holds.source }]] : [],
    ),
  )
  const stateBuffers = [...states.values()].map(({ buffer }) => buffer)

  interface Started {
    readonly bound: Bound
    readonly ready: Ready
  }
  const start = async (feeds: Feeds): Promise<E.Either<SluiceError, Started>> => {
    const bound = bind(toBind.inputs, feeds)
    if (E.isLeft(bound)) return bound
    const { sizes } = bound.right
    const kept = memory.isReadyFor(sizes) ? E.right(undefined) : keeps(toBind.shapes, sizes)
    if (E.isLeft(kept)) return kept
    const ready = await memory.readyFor(sizes)
    return E.isLeft(ready) ? ready : E.right({ bound: bound.right, ready: ready.right })
  }
  /** Call it within `guarded`. */
  const submit = (encode: (encoder: GPUCommandEncoder) => void): void => {
    const encoder = device.gpu.createCommandEncoder()
    encode(encoder)
    device.submit(encoder.finish())
  }
  const writeInputs = ({ bound, ready: { plan } }: Started): void => {
    for (const { buffer, name } of inputs) {
      const { data } = bound.values.get(name) as Value
      const offset = plan.offset[planner.positionOf(buffer)]!
      writeBytes(device, memory.bufferOf(buffer, plan), offset, toBytes(data, buffer.storage))
    }
  }
  const wanted = (buffer: BufferPlan, count: number, plan: MemoryPlan): Wanted => ({
    buffer: memory.bufferOf(buffer, plan),
    offset: plan.offset[planner.positionOf(buffer)]!,
    bytes: 4 * Math.ceil((count * storageBytes[buffer.storage]) / 4),
  })
  const valueOf = ({ kind, storage }: BufferPlan, shape: readonly number[], bytes: ArrayBuffer): Value => ({
    kind,
    shape,
    data: fromBytes(bytes, countOf(shape), storage, kind),
  })
  const spareOf = (state: BufferPlan): GPUBuffer => {
    const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
    const spare = spares.get(state) ?? device.allocate(`${state.label}, copied aside`, own.get(state).size, usage)
    spares.set(state, spare)
    return spare
  }
  /** What states become. One that becomes another's old value is copied aside first: all advance at the same time. */
  const advance = (encoder: GPUCommandEncoder, plan: MemoryPlan, moves: Asked['moves']): void => {
    const sources = moves.map(({ from }) => {
      const bytes = plan.bytes[planner.positionOf(from)]!
      const place = { buffer: memory.bufferOf(from, plan), offset: plan.offset[planner.positionOf(from)]!, bytes }
      if (from.holds.what !== 'state') return place
      const spare = spareOf(from)
      encoder.copyBufferToBuffer(place.buffer, place.offset, spare, 0, bytes)
      return { buffer: spare, offset: 0, bytes }
    })
    for (const [i, { state }] of moves.entries()) {
      const { buffer, offset, bytes } = sources[i]!
      encoder.copyBufferToBuffer(buffer, offset, own.get(state), 0, bytes)
    }
  }

  // the last run that was handed over is answered, or ends otherwise
  let answered: Promise<void> = Promise.resolve()
  let underWay = 0
  /** Hands everything of a run to the device, the copies of its results with the last of it. States that are to stay do so if it fails. */
  const submitAll = async (
    started: Started,
    { segments, moves, staying }: Asked,
    results: Results,
    room: readonly Wanted[],
    signal: AbortSignal | undefined,
  ): Promise<E.Either<SluiceError, void>> => {
    const { plan } = started.ready
    const makeRoom = (): void => {
      results.makeRoom(room)
      for (const buffer of [...staying, ...moves.map(({ from }) => from)])
        if (buffer.holds.what === 'state') spareOf(buffer)
    }
    const begin = (encoder: GPUCommandEncoder): void => {
      writeInputs(started)
      for (const state of staying) copyWhole(encoder, own.get(state), spareOf(state))
    }
    const putBack = (encoder: GPUCommandEncoder): void => {
      for (const state of staying) copyWhole(encoder, spareOf(state), own.get(state))
    }
    const end = (encoder: GPUCommandEncoder): void => {
      results.copy(encoder)
      putBack(encoder)
      advance(encoder, plan, moves)
    }
    let begun = false
    for (const [k, segment] of segments.entries()) {
      const isLast = k === segments.length - 1
      const submitted = await device.guarded('running', () => {
        // a device that has a run before this one need not begin early
        const groups = underWay > 0 ? [segment] : handedOver(segment, device.profile.tuning)
        // before anything runs, since there may be none
        if (k === 0) makeRoom()
        for (const [g, group] of groups.entries())
          submit(encoder => {
            if (k === 0 && g === 0) begin(encoder)
            encodeSteps(encoder, group)
            if (isLast && g === groups.length - 1) end(encoder)
          })
      })
      if (disposed !== undefined) return E.left(disposed)
      begun ||= E.isRight(submitted)
      const done =
        isLast || E.isLeft(submitted)
          ? submitted
          : await device.settled('running', device.gpu.queue.onSubmittedWorkDone(), signal)
      if (disposed !== undefined) return E.left(disposed)
      if (E.isRight(done)) continue
      if (begun && staying.length > 0) await device.guarded('ending a run', () => submit(putBack))
      return done
    }
    return E.right(undefined)
  }
  /** Hands a run over, and lets the next have its turn when the device has no other; what the run gives comes later. */
  const handOver = (feeds: Feeds, { signal, ...choice }: RunOptions) =>
    exclusive(async (): Promise<E.Either<SluiceError, Door<Readonly<Record<string, Value>>>>> => {
      if (signal?.aborted === true) return E.left(interrupted('running'))
      const started = await start(feeds)
      if (E.isLeft(started)) return started
      const { plan, steps } = started.right.ready
      const asked = ask(steps, choice)
      if (E.isLeft(asked)) return asked
      const { outputs: chosen } = asked.right
      const shapes = chosen.map(o => o.tensor.shape.map(d => planner.valueOf(d, plan)))
      const results = staging.next()
      const room = chosen.map((o, i) => wanted(o.buffer, countOf(shapes[i]!), plan))
      const submitted = await submitAll(started.right, asked.right, results, room, signal)
      if (E.isLeft(submitted)) {
        results.drop()
        return submitted
      }
      const valuesOf = (bytes: readonly ArrayBuffer[]): Readonly<Record<string, Value>> =>
        Object.fromEntries(chosen.map((o, i) => [o.name, valueOf(o.buffer, shapes[i]!, bytes[i]!)]))
      const answer = results.bytes('running', signal).then(E.map(valuesOf))
      const before = answered
      const done = (): void => {
        underWay--
      }
      underWay++
      answered = answer.then(done, done)
      await before
      return E.right(() => answer)
    })
  // the turn is taken when it is called, not a moment later
  const run =
    (feeds: Feeds, options: RunOptions): Door<Readonly<Record<string, Value>>> =>
    async () => {
      const answer = await handOver(feeds, options)()
      const values = E.isLeft(answer) ? answer : await answer.right()
      return E.mapLeft((error: SluiceError) => disposed ?? error)(values)
    }

  const stateNamed = (
    name: string,
  ): E.Either<SluiceError, { readonly buffer: BufferPlan; readonly source: Source }> => {
    const names = [...states.keys()].map(s => `'${s}'`).join(', ') || 'none'
    const message = `'${name}' is not a state of this program; its states are ${names}`
    return E.fromNullable<SluiceError>(feedError(name, message))(states.get(name))
  }
  const readState = (name: string) =>
    exclusive(async () => {
      const state = stateNamed(name)
      if (E.isLeft(state)) return state
      const { buffer, source } = state.right
      const shape = source.shape.map(Number)
      const bytes = 4 * Math.ceil((countOf(shape) * storageBytes[buffer.storage]) / 4)
      const results = staging.next()
      const submitted = await device.guarded(`reading '${name}'`, () => {
        results.makeRoom([{ buffer: own.get(buffer), offset: 0, bytes }])
        submit(results.copy)
      })
      if (E.isLeft(submitted)) results.drop()
      const read = E.isLeft(submitted) ? submitted : await results.bytes(`reading '${name}'`)
      return E.map(([only]: readonly ArrayBuffer[]) => valueOf(buffer, shape, only as ArrayBuffer))(read)
    })
  const writeState = (name: string, value: Value) =>
    exclusive(async () => {
      const state = stateNamed(name)
      if (E.isLeft(state)) return state
      const { buffer, source } = state.right
      if (source.shape.join() !== value.shape.join()) {
        const message = `state '${name}' is [${source.shape.join(', ')}], the value is [${value.shape.join(', ')}]`
        return E.left(feedError(name, message))
      }
      return device.guarded(`writing '${name}'`, () =>
        writeBytes(device, own.get(buffer), 0, toBytes(value.data, buffer.storage)),
      )
    })
  const profile = (feeds: Feeds, profiling: ProfileOptions) =>
    exclusive(async () => {
      const started = await start(feeds)
      if (E.isLeft(started)) return started
      const { steps, plan } = started.right.ready
      // the first round fills every buffer as a run would, and is not timed
      const ran = await device.guarded('profiling', () => {
        writeInputs(started.right)
        submit(encoder => encodeSteps(encoder, steps))
      })
      return E.isLeft(ran) ? ran : timePasses(device, steps, plan.sizes, profiling)
    })

  return {
    device,
    lowered,
    kernels: kernels.length,
    plan: (sizes = {}) => planner.plan(sizes),
    warm: (warming = {}) => exclusive(warm(device, kernels, warming, helper, lanes())),
    run: (feeds = {}, options = {}) => run(feeds, options),
    profile: (feeds = {}, options = {}) => profile(feeds, options),
    readState,
    writeState,
    reset: exclusive(() => fill(stateBuffers, device, own, upload)),
    reload: weights => exclusive(() => place(weights)),
    dispose: () => {
      disposed = deviceError('device lost', 'the program was disposed of. Next step: load it again')
      for (const part of [own, memory, staging]) part.dispose()
      for (const spare of spares.values()) device.free(spare)
      spares.clear()
    },
  }
}
