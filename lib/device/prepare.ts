/**
 * Loading: weights are uploaded one at a time in the order in which the passes of `prepare` want them, packed at once, and freed as
 * soon as nothing reads them as they were. What kernels read from images is copied there as soon as it is filled, and freed likewise. So
 * a model that is packed for its kernels is never on the device twice.
 */
import { either as E } from 'fp-ts'
import { imagesOf } from '../compile/images.ts'
import type { MemoryPlan, Planner } from '../compile/memory.ts'
import type { BufferPlan, Lowered } from '../compile/pass.ts'
import type { SluiceError } from '../errors.ts'
import type { Source } from '../graph/index.ts'
import type { Device } from './device.ts'
import type { Pipeline } from './pipelines.ts'
import type { OwnMemory } from './residence.ts'
import { copyOf, encodeSteps, stepsOf, writeWords, type Step } from './steps.ts'
import type { Assignment, Upload } from './upload.ts'

export interface Preparation {
  readonly device: Device
  readonly lowered: Lowered
  /** the planner of the passes of `prepare`, and its one plan */
  readonly planner: Planner
  readonly plan: MemoryPlan
  readonly pipelines: ReadonlyMap<string, Pipeline>
  readonly memory: OwnMemory
  /** whether the content is needed when everything is prepared */
  readonly isKept: (buffer: BufferPlan) => boolean
  readonly upload: Upload
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((name: string) => void) | undefined
}

/** Bytes of weights, uploaded or packed, after which the passes that wait for them run. */
const batchBytes = 2 ** 28

/** Uploads all weights and runs `prepare`. Repeating it with other weights leaves every buffer that is kept where it is. */
export const prepareWeights = async (
  preparation: Preparation,
  assignment: Assignment,
): Promise<E.Either<SluiceError, void>> => {
  const { device, lowered, planner, plan, pipelines, memory, isKept, upload, signal, onProgress } = preparation
  const { prepare, buffers, passes } = lowered
  const lastReader = new Map(
    prepare.flatMap((pass, i) =>
      [...pass.reads.filter(o => o.image !== true), pass.write].map(o => [o.buffer.id, i] as const),
    ),
  )
  const lastWriter = new Map(prepare.map((pass, i) => [pass.write.buffer.id, i] as const))
  const images = imagesOf(prepare)
  const keptImages = new Set(imagesOf(passes).map(({ buffer }) => buffer.id))
  const pictured = new Set([...keptImages, ...images.map(({ buffer }) => buffer.id)])
  const ground = { device, planner, pipelines, memory: memory.get, image: memory.image }
  const uploaded = new Set<number>()
  const put = async (buffer: BufferPlan, source: Source): Promise<E.Either<SluiceError, void>> => {
    const made = await device.guarded(`memory for '${buffer.label}'`, () => memory.get(buffer))
    if (E.isLeft(made)) return made
    uploaded.add(buffer.id)
    waitingBytes += plan.bytes[planner.positionOf(buffer)]!
    const done = await upload(buffer, made.right, source, assignment.get(source) ?? 'initial')()
    onProgress?.(source.name)
    return E.isLeft(done) ? done : picture(buffer)
  }
  /** Copies what was filled into its image, if it has one. */
  const picture = async (buffer: BufferPlan): Promise<E.Either<SluiceError, void>> => {
    if (!pictured.has(buffer.id)) return E.right(undefined)
    const copy = await device.guarded(`memory for '${buffer.label}'`, () => copyOf(ground, buffer, [], plan))
    return E.map((step: Step) => void waiting.push(step))(copy)
  }
  const words = await device.guarded('preparing weights', () => writeWords(device, plan))
  if (E.isLeft(words)) return words
  let waiting: Step[] = []
  let waitingBytes = 0
  /** what the device is working on: it packs a batch while the next one is read */
  let running: { readonly done: Promise<E.Either<SluiceError, unknown>>; readonly free: () => void } | undefined
  const flush = async (next: number): Promise<E.Either<SluiceError, void>> => {
    const before = await finish()
    const steps = waiting
    waiting = []
    waitingBytes = 0
    if (E.isLeft(before) || steps.length === 0) return before
    const ran = await device.guarded('preparing weights', () => {
      const encoder = device.gpu.createCommandEncoder()
      encodeSteps(encoder, steps)
      device.submit(encoder.finish())
    })
    if (E.isLeft(ran)) return ran
    const done = device.settled('preparing weights', device.gpu.queue.onSubmittedWorkDone(), signal)
    running = { done, free: spent(next) }
    return ran
  }
  /** Waits for the device, and frees what nothing reads any more. */
  const finish = async (): Promise<E.Either<SluiceError, void>> => {
    if (running === undefined) return E.right(undefined)
    const { done, free } = running
    running = undefined
    const ended = await done
    if (E.isLeft(ended)) return ended
    free()
    return E.right(undefined)
  }
  /** What is there and not read from pass `next` on, to be freed. */
  const spent = (next: number): (() => void) => {
    const used = buffers.filter(buffer => {
      const { what } = buffer.holds
      if ((what !== 'parameter' && what !== 'prepared') || isKept(buffer) || !memory.has(buffer)) return false
      return (lastReader.get(buffer.id) ?? -1) < next
    })
    const shown = images.filter(({ buffer, last }) => last < next && !keptImages.has(buffer.id))
    return () => {
      for (const buffer of used) memory.free(buffer)
      for (const { buffer } of shown) memory.freeImage(buffer)
    }
  }
  const all = async (): Promise<E.Either<SluiceError, void>> => {
    for (const buffer of buffers) {
      if (buffer.holds.what !== 'table') continue
      const done = await picture(buffer)
      if (E.isLeft(done)) return done
    }
    for (const [i, pass] of prepare.entries()) {
      for (const { buffer } of pass.reads) {
        if (buffer.holds.what !== 'parameter' || uploaded.has(buffer.id)) continue
        const done = await put(buffer, buffer.holds.source)
        if (E.isLeft(done)) return done
      }
      const steps = await device.guarded(pass.label, () => stepsOf(ground, [pass], plan, words.right))
      if (E.isLeft(steps)) return steps
      waiting.push(...steps.right)
      waitingBytes += plan.bytes[planner.positionOf(pass.write.buffer)]!
      const { buffer } = pass.write
      const written = lastWriter.get(buffer.id) === i ? await picture(buffer) : E.right(undefined)
      if (E.isLeft(written)) return written
      const ran = waitingBytes > batchBytes ? await flush(i + 1) : E.right(undefined)
      if (E.isLeft(ran)) return ran
    }
    for (const buffer of buffers) {
      if (buffer.holds.what !== 'parameter' || uploaded.has(buffer.id)) continue
      if (!isKept(buffer) && !pictured.has(buffer.id)) continue
      const done = await put(buffer, buffer.holds.source)
      if (E.isLeft(done)) return done
      const ran = waitingBytes > batchBytes ? await flush(prepare.length) : E.right(undefined)
      if (E.isLeft(ran)) return ran
    }
    const last = await flush(prepare.length)
    return E.isLeft(last) ? last : finish()
  }
  const result = await all()
  if (words.right !== undefined) device.free(words.right)
  return result
}
