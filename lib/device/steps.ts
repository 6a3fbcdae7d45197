/**
 * Passes made ready for one memory plan, in order: the dispatch of each, and before it the copies into images that it reads first. Encoding
 * a run is then a loop over these steps. Passes without workgroups, which an axis of length 0 makes, are not among them.
 */
import { foldGrid } from '../compile/grid.ts'
import { copiesBefore, imageRowBytes, imageWidth, texelBytes } from '../compile/images.ts'
import type { MemoryPlan, Planner } from '../compile/memory.ts'
import { writesOf, type BufferPlan, type DeviceProfile, type Pass, type When } from '../compile/pass.ts'
import type { Device } from './device.ts'
import type { Pipeline } from './pipelines.ts'

/** One dispatch of a pass's kernel. */
export interface Dispatch {
  readonly what: 'dispatch'
  readonly pass: Pass
  readonly pipeline: GPUComputePipeline
  readonly group: GPUBindGroup
  readonly grid: readonly [number, number, number]
  readonly flops: number
  readonly bytes: number
}
/** A buffer copied into its image, for the passes that read it there. */
export interface Copy {
  readonly what: 'copy'
  readonly label: string
  readonly readers: readonly Pass[]
  readonly from: GPUBuffer
  readonly offset: number
  /** bytes */
  readonly length: number
  readonly to: GPUTexture
  readonly flops: 0
  /** read, and written again */
  readonly bytes: number
}
export type Step = Dispatch | Copy

/**
 * What steps are made of. `pipelines` is by WGSL text; `memory` is the buffer that holds, or shares its memory with, a planned one, and
 * `image` the texture that holds its image.
 */
export interface Ground {
  readonly device: Device
  readonly planner: Planner
  readonly pipelines: ReadonlyMap<string, Pipeline>
  readonly memory: (buffer: BufferPlan, plan: MemoryPlan) => GPUBuffer
  readonly image: (buffer: BufferPlan, plan: MemoryPlan) => GPUTexture
}

/** Throws nothing of its own; call it within `guarded`. */
export const stepsOf = (
  ground: Ground,
  passes: readonly Pass[],
  plan: MemoryPlan,
  words: GPUBuffer | undefined,
): readonly Step[] => {
  const wanted = passes.filter(
    ({ when }) => when === undefined || isWithin(when, ground.planner.valueOf(when.size, plan)),
  )
  const copies = copiesBefore(wanted)
  return wanted.flatMap((pass): readonly Step[] => {
    const step = dispatchOf(ground, pass, plan, words)
    const before = copies.get(pass) ?? []
    return [...before.map(({ buffer, readers }) => copyOf(ground, buffer, readers, plan)), ...step]
  })
}
const isWithin = ({ least = -Infinity, most = Infinity }: When, n: number): boolean => least <= n && n <= most
const dispatchOf = (
  { device, planner, pipelines, memory, image }: Ground,
  pass: Pass,
  plan: MemoryPlan,
  words: GPUBuffer | undefined,
): readonly Dispatch[] => {
  const number = (size: Pass['flops']): number => planner.valueOf(size, plan)
  const [x, y, z] = pass.grid
  const grid = foldGrid([number(x), number(y), number(z)], device.profile.maxWorkgroupsPerDimension)
  if (grid.includes(0)) return []
  const { pipeline, layout } = pipelines.get(pass.wgsl) as Pipeline
  const bound: GPUBindingResource[] = [...pass.reads, ...writesOf(pass)].map(operand => {
    if (operand.image === true) return image(operand.buffer, plan).createView()
    const { offset, bytes } = planner.region(operand, plan)
    return { buffer: memory(operand.buffer, plan), offset, size: bytes }
  })
  const block = planner.uniform(pass)
  if (block !== undefined && words !== undefined) bound.push({ buffer: words, offset: block.offset, size: block.bytes })
  const entries = bound.map((resource, binding) => ({ binding, resource }))
  const group = device.gpu.createBindGroup({ label: pass.label, layout, entries })
  return [{ what: 'dispatch', pass, pipeline, group, grid, flops: number(pass.flops), bytes: number(pass.bytes) }]
}
/** The step that copies a buffer into its image. Call it within `guarded`. */
export const copyOf = (
  { planner, memory, image }: Pick<Ground, 'planner' | 'memory' | 'image'>,
  buffer: BufferPlan,
  readers: readonly Pass[],
  plan: MemoryPlan,
): Copy => {
  const { offset, bytes } = planner.region({ buffer }, plan)
  const [from, to] = [memory(buffer, plan), image(buffer, plan)]
  return {
    what: 'copy',
    label: `image of ${buffer.label}`,
    readers,
    from,
    offset,
    to,
    length: bytes,
    flops: 0,
    bytes: 2 * bytes,
  }
}

/** The steps of some passes. */
export const stepsFor = (steps: readonly Step[], passes: ReadonlySet<Pass>): readonly Step[] =>
  steps.filter(step => (step.what === 'dispatch' ? passes.has(step.pass) : step.readers.some(r => passes.has(r))))

/** The buffer of the named sizes of a plan, written; undefined where no pass has any. Call it within `guarded`. */
export const writeWords = (device: Device, { words }: MemoryPlan): GPUBuffer | undefined => {
  if (words.length === 0) return undefined
  const buffer = device.allocate('named sizes', words.byteLength, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST)
  device.gpu.queue.writeBuffer(buffer, 0, words as Int32Array<ArrayBuffer>)
  return buffer
}

/** Steps one after the other: dispatches that follow one another are one compute pass. */
export const encodeSteps = (encoder: GPUCommandEncoder, steps: readonly Step[]): void => {
  let pass: GPUComputePassEncoder | undefined
  let current: GPUComputePipeline | undefined
  for (const step of steps) {
    if (step.what === 'copy') {
      pass?.end()
      pass = current = undefined
      encodeCopy(encoder, step)
      continue
    }
    pass ??= encoder.beginComputePass()
    if (step.pipeline !== current) pass.setPipeline((current = step.pipeline))
    pass.setBindGroup(0, step.group)
    pass.dispatchWorkgroups(step.grid[0], step.grid[1], step.grid[2])
  }
  pass?.end()
}
/** One step between two timestamps. */
export const encodeTimed = (
  encoder: GPUCommandEncoder,
  step: Step,
  { querySet, beginningOfPassWriteIndex: start, endOfPassWriteIndex: end }: Required<GPUComputePassTimestampWrites>,
): void => {
  if (step.what === 'copy') {
    // a copy stands between passes, so two that are empty take the time for it
    encoder.beginComputePass({ timestampWrites: { querySet, endOfPassWriteIndex: start } }).end()
    encodeCopy(encoder, step)
    encoder.beginComputePass({ timestampWrites: { querySet, beginningOfPassWriteIndex: end } }).end()
    return
  }
  const timestampWrites = { querySet, beginningOfPassWriteIndex: start, endOfPassWriteIndex: end }
  const pass = encoder.beginComputePass({ timestampWrites })
  pass.setPipeline(step.pipeline)
  pass.setBindGroup(0, step.group)
  pass.dispatchWorkgroups(...step.grid)
  pass.end()
}
/** Whole rows at once, and what is left. */
const encodeCopy = (encoder: GPUCommandEncoder, { from, offset, length, to }: Copy): void => {
  const texels = length / texelBytes
  const rows = Math.floor(texels / imageWidth)
  const rest = texels % imageWidth
  const copy = (y: number, width: number, height: number): void =>
    encoder.copyBufferToTexture(
      { buffer: from, offset: offset + y * imageRowBytes, bytesPerRow: imageRowBytes },
      { texture: to, origin: [0, y] },
      [width, height],
    )
  if (rows > 0) copy(0, imageWidth, rows)
  if (rest > 0) copy(rows, rest, 1)
}

/** Steps in groups that a device finishes soon enough to be interrupted between them, and before a watchdog ends it. */
export const segmentsOf = (steps: readonly Step[], maxFlops: number): readonly (readonly Step[])[] => {
  const segments: Step[][] = [[]]
  let flops = 0
  for (const step of steps) {
    if (flops > 0 && flops + step.flops > maxFlops) {
      segments.push([])
      flops = 0
    }
    segments[segments.length - 1]!.push(step)
    flops += step.flops
  }
  return segments
}

/** a run of at most so many steps is handed over at once, and longer ones begin with so many */
const [atOnce, firstOfMany] = [32, 8]
/**
 * Steps in the groups in which a device gets them. A GPU begins with few and gets ever more of them, so that it computes while the host
 * still writes down what follows; a device in software computes on the host's own cores, and gets all at once.
 */
export const handedOver = (steps: readonly Step[], tuning: DeviceProfile['tuning']): readonly (readonly Step[])[] => {
  if (tuning !== 'gpu' || steps.length <= atOnce) return [steps]
  const groups: (readonly Step[])[] = []
  for (let from = 0, count = firstOfMany; from < steps.length; from += count, count *= 2) {
    // what is left after it is not worth a group of its own
    const rest = steps.length - from - count
    groups.push(steps.slice(from, rest < firstOfMany ? steps.length : from + count))
    if (rest < firstOfMany) break
  }
  return groups
}
