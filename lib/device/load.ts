/**
 * Loading: from a lowered graph to a program on a device. What cannot be is found before anything is allocated; then kernels become
 * pipelines, and weights are uploaded and packed.
 */
import { either as E } from 'fp-ts'
import { imageRowBytes, imageRowsFor, imagesOf, isLasting } from '../compile/images.ts'
import { memoryPlanner } from '../compile/memory.ts'
import type { BufferPlan, Lowered } from '../compile/pass.ts'
import { deviceError, several, type DeviceError, type Door, type GraphError, type SluiceError } from '../errors.ts'
import type { Device } from './device.ts'
import { fill } from './fill.ts'
import { prepareWeights } from './prepare.ts'
import { isOwn } from './asked.ts'
import { programOf, type Program } from './program.ts'
import { inLessMemory } from './less-memory.ts'
import { ownMemory } from './residence.ts'
import { assign, uploader, type InitialOptions, type WeightSource } from './upload.ts'

export interface LoadOptions extends InitialOptions {
  readonly signal?: AbortSignal
  /** a weight is on the device: how many of how many, and its name */
  readonly onWeight?: (done: number, of: number, name: string) => void
}
/** What makes a program impossible on a device, whatever its weights and sizes are. */
const impossible = ({ prepare, passes, buffers }: Lowered, device: Device): DeviceError | GraphError | undefined => {
  for (const { features, label, path } of [...prepare, ...passes])
    for (const feature of features)
      if (!device.gpu.features.has(feature))
        return deviceError('limit', `${label} at '${path}' needs '${feature}', which ${device.name} does not have`)
  for (const buffer of buffers)
    if (isOwn(buffer) && typeof buffer.elements === 'string') {
      const { label, elements, holds } = buffer
      const message = `${holds.what} '${label}' has ${elements} elements; what stays between runs needs literal sizes`
      return { kind: 'shape', message }
    }
  return undefined
}

/**
 * Puts a lowered graph on a device: makes its pipelines, uploads its weights, packs them.
 * Errors: `missing tensor` and `tensor shape` with every tensor that does not fit, `shader`, `limit`, `out of memory`,
 * `device lost`, `interrupted`, and those of reading the weights.
 */
export const load =
  (lowered: Lowered, device: Device, weights: WeightSource, options: LoadOptions = {}): Door<Program> =>
  async () => {
    const { buffers, prepare, passes } = lowered
    const { signal, seed = 0, onWeight } = options
    const planner = memoryPlanner(lowered, device.profile)
    const wrong = device.lost() ?? impossible(lowered, device) ?? planner.refusal
    if (wrong !== undefined) return E.left(wrong)
    const staying = { buffers: buffers.filter(isOwn), prepare, passes: [], outputs: [], next: [] }
    const preparePlanner = memoryPlanner(staying, device.profile)
    const preparePlan = preparePlanner.plan({})
    if (E.isLeft(preparePlan)) return preparePlan
    const plan = preparePlan.right
    const bytesOf = (b: BufferPlan): number => plan.bytes[preparePlanner.positionOf(b)]!
    const staysAsBuffer = (b: BufferPlan): boolean => !isLasting(b) || b.holds.what === 'table' || planner.isKept(b)
    const images = imagesOf(passes).filter(({ buffer }) => isLasting(buffer))
    const needed = [
      ...staying.buffers.filter(staysAsBuffer).map(bytesOf),
      ...images.map(({ buffer }) => imageRowBytes * imageRowsFor(bytesOf(buffer))),
    ]
    const total = needed.reduce((sum, bytes) => sum + bytes, 0)
    const pictured = new Set(images.map(({ buffer }) => buffer.id))
    const isHeld = (b: BufferPlan): boolean => isOwn(b) && (staysAsBuffer(b) || pictured.has(b.id))
    const short = device.shortage('loading the weights', total, inLessMemory(lowered, total, isHeld))
    if (short !== undefined) return E.left(short)
    const kernels = [...new Map([...prepare, ...passes].map(p => [p.wgsl, p])).values()]
    const made = await Promise.all(kernels.map(device.pipelines.get))
    const [failed, ...others] = made.flatMap(p => (E.isLeft(p) ? [p.left] : []))
    if (failed !== undefined) return E.left(several([failed, ...others]))
    const pipelines = new Map(made.flatMap((p, i) => (E.isRight(p) ? [[kernels[i]!.wgsl, p.right] as const] : [])))

    const own = ownMemory(device, bytesOf)
    const parameters = buffers.flatMap(({ holds }) => (holds.what === 'parameter' ? [holds.source] : []))
    const upload = uploader(device, seed, signal)
    const place = async (from: WeightSource): Promise<E.Either<SluiceError, void>> => {
      const assignment = assign(parameters, from, options)
      if (E.isLeft(assignment)) return assignment
      let done = 0
      const onProgress = (name: string): void => onWeight?.(++done, parameters.length, name)
      const { isKept } = planner
      const ground = { device, lowered, planner: preparePlanner, plan, pipelines, memory: own, isKept, upload }
      return prepareWeights({ ...ground, signal, onProgress }, assignment.right)
    }
    const program = programOf({ lowered, device, planner, kernels, pipelines, own, place, upload })
    const filled = await fill(buffers, device, own, upload)
    const placed = E.isLeft(filled) ? filled : await place(weights)
    if (E.isRight(placed)) return E.right(program)
    program.dispose()
    return placed
  }
