/**
 * Warming: lavapipe makes machine code not when a pipeline is created but at its first dispatch, which takes 0.1 to 9 s a kernel. Here
 * every kernel is dispatched once with no workgroups, which compiles it and runs nothing. (An indirect dispatch, since Dawn warns of a
 * direct one with none.) One device compiles one kernel at a time, so where compiling turns out to be slow other devices on the same
 * driver take a share; Mesa keeps machine code on disk, and the device that is warmed finds theirs there within milliseconds.
 */
import { either as E } from 'fp-ts'
import { imageFormat } from '../compile/images.ts'
import type { Door, SluiceError } from '../errors.ts'
import type { Device } from './device.ts'
import type { Kernel } from './pipelines.ts'

export interface Warming {
  /** kernels done so far, of how many, the one just done, and the seconds it took */
  readonly onProgress?: (done: number, of: number, kernel: string, seconds: number) => void
  readonly signal?: AbortSignal
}

/** Bytes of the buffers bound while nothing is computed: enough for any block of sizes and any vector. */
const scratchBytes = 65536
/** A kernel that took longer than this was compiled, not found, and sharing the work pays. In seconds. */
const slow = 0.15

/** Dispatches nothing with a kernel; gives the seconds it took. */
const heat = async (device: Device, kernel: Kernel, signal?: AbortSignal): Promise<E.Either<SluiceError, number>> => {
  const what = `warming '${kernel.label}'`
  const start = performance.now()
  const made = await device.pipelines.get(kernel)
  if (E.isLeft(made)) return made
  const { pipeline, layout } = made.right
  const held: (GPUBuffer | GPUTexture)[] = []
  const hold = <M extends GPUBuffer | GPUTexture>(memory: M): M => {
    held.push(memory)
    return memory
  }
  const scratch = (usage: GPUBufferUsageFlags): GPUBuffer => hold(device.allocate('scratch', scratchBytes, usage))
  const submitted = await device.guarded(what, () => {
    const [read, uniform, workgroups] = [
      scratch(GPUBufferUsage.STORAGE),
      scratch(GPUBufferUsage.UNIFORM),
      scratch(GPUBufferUsage.INDIRECT),
    ] as const
    const reads = kernel.reads.map(({ image, buffer }): GPUBindingResource =>
      image === true
        ? hold(device.allocateImage('scratch', 1, imageFormat(buffer.storage))).createView()
        : { buffer: read },
    )
    const sizes = kernel.sizes.length > 0 ? [{ buffer: uniform }] : []
    // writes must not overlap
    const writes = [undefined, ...(kernel.also ?? [])].map(() => ({ buffer: scratch(GPUBufferUsage.STORAGE) }))
    const bound: readonly GPUBindingResource[] = [...reads, ...writes, ...sizes]
    const entries = bound.map((resource, binding) => ({ binding, resource }))
    const encoder = device.gpu.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, device.gpu.createBindGroup({ layout, entries }))
    pass.dispatchWorkgroupsIndirect(workgroups, 0)
    pass.end()
    device.submit(encoder.finish())
  })
  const done = E.isLeft(submitted)
    ? submitted
    : await device.settled(what, device.gpu.queue.onSubmittedWorkDone(), signal)
  for (const memory of held) device.free(memory)
  return E.isLeft(done) ? done : E.right((performance.now() - start) / 1000)
}

/** Kernels of which no two have the same text. */
const distinct = (kernels: readonly Kernel[]): Kernel[] => [...new Map(kernels.map(k => [k.wgsl, k])).values()]

/**
 * Makes the machine code of all kernels. `helper` opens another device on the same driver; devices are opened as long as
 * compiling is slow, `lanes` at most, the first included.
 */
export const warm =
  (
    device: Device,
    kernels: readonly Kernel[],
    { onProgress, signal }: Warming,
    helper: Door<Device>,
    lanes: number,
  ): Door<void> =>
  async () => {
    if (device.profile.tuning !== 'lavapipe') return E.right(undefined)
    const { warmed } = device.pipelines
    const todo = distinct(kernels).filter(k => !warmed.has(k.wgsl))
    // the longest take longest, and the last should be short
    todo.sort((a, b) => b.wgsl.length - a.wgsl.length)
    const of = todo.length
    const found: { readonly kernel: Kernel; readonly seconds: number }[] = []
    const helpers: Promise<void>[] = []
    let helping = 0
    let stop = false
    let wake = (): void => undefined
    const help = async (): Promise<void> => {
      const other = await helper()
      while (E.isRight(other) && !stop) {
        const kernel = todo.shift()
        if (kernel === undefined) break
        const seconds = await heat(other.right, kernel, signal)
        if (E.isLeft(seconds)) {
          todo.push(kernel)
          break
        }
        found.push({ kernel, seconds: seconds.right })
        wake()
      }
      if (E.isRight(other)) other.right.dispose()
      helping--
      wake()
    }
    let done = 0
    let failure: SluiceError | undefined
    while (failure === undefined) {
      const ready = found.shift()
      const kernel = ready?.kernel ?? todo.shift()
      if (kernel === undefined) {
        if (helping === 0) break
        await new Promise<void>(resolve => (wake = resolve))
        continue
      }
      const seconds = await heat(device, kernel, signal)
      if (E.isLeft(seconds)) failure = seconds.left
      else {
        warmed.add(kernel.wgsl)
        onProgress?.(++done, of, kernel.label, ready?.seconds ?? seconds.right)
        // a driver without a cache on disk gains nothing from helpers
        if (ready !== undefined && seconds.right > slow && seconds.right > ready.seconds / 2) stop = true
        if (ready === undefined && seconds.right > slow && !stop && todo.length > 1 && helping + 1 < lanes) {
          helping++
          helpers.push(help())
        }
      }
    }
    stop = true
    await Promise.all(helpers)
    return failure === undefined ? E.right(undefined) : E.left(failure)
  }
