/**
 * Pipelines, each made once for its WGSL text, asynchronously and all at the same time. Layouts of bind groups are explicit and
 * depend only on how many buffers and images a kernel reads and whether it has a uniform block, so that kernels share them. A text
 * that does not compile is an error that shows the line.
 */
import { either as E } from 'fp-ts'
import { imageFormat, type ImageFormat } from '../compile/images.ts'
import type { Operand, Pass } from '../compile/pass.ts'
import { deviceError, type DeviceError, type SluiceError } from '../errors.ts'

/** What of a pass makes its pipeline: passes with equal text share one. */
export type Kernel = Pick<Pass, 'label' | 'wgsl' | 'reads' | 'also' | 'sizes'>

export interface Pipeline {
  readonly pipeline: GPUComputePipeline
  readonly layout: GPUBindGroupLayout
}
export interface PipelineCache {
  /** pipelines made so far */
  readonly count: () => number
  readonly get: (kernel: Kernel) => Promise<E.Either<SluiceError, Pipeline>>
  /** the texts whose machine code exists: see warm.ts */
  readonly warmed: Set<string>
}

/** The error of a text that does not compile, with the lines that the compiler complains of. */
const shaderError = (kernel: Kernel, messages: readonly GPUCompilationMessage[], otherwise: string): DeviceError => {
  const lines = kernel.wgsl.split('\n')
  const complaints = messages
    .filter(m => m.type === 'error')
    .map(({ lineNum, linePos, message }) => {
      const line = lines[lineNum - 1]
      const shown = line === undefined ? '' : `\n  ${lineNum} | ${line}`
      return `line ${lineNum}:${linePos}: ${message}${shown}`
    })
  const why = complaints.length > 0 ? complaints.join('\n') : otherwise
  return deviceError('shader', `kernel '${kernel.label}' does not compile: ${why}`)
}

type Settled = <A>(what: string, promise: Promise<A>) => Promise<E.Either<SluiceError, A>>

type Bound = GPUBufferBindingType | ImageFormat
const boundAs = ({ image, buffer }: Operand): Bound =>
  image === true ? imageFormat(buffer.storage) : 'read-only-storage'

export const pipelineCache = (gpu: GPUDevice, settled: Settled): PipelineCache => {
  const layouts = new Map<string, GPUBindGroupLayout>()
  const pipelines = new Map<string, Promise<E.Either<SluiceError, Pipeline>>>()
  let made = 0

  const layoutFor = ({ reads, also = [], sizes }: Kernel): GPUBindGroupLayout => {
    const types: Bound[] = [...reads.map(boundAs), 'storage', ...also.map((): Bound => 'storage')]
    if (sizes.length > 0) types.push('uniform')
    const key = types.join()
    const known = layouts.get(key)
    if (known !== undefined) return known
    const layout = gpu.createBindGroupLayout({
      label: key,
      entries: types.map((type, binding) => {
        const at = { binding, visibility: GPUShaderStage.COMPUTE }
        if (type === 'rgba32float' || type === 'rgba32uint')
          return { ...at, storageTexture: { access: 'read-only' as const, format: type } }
        return { ...at, buffer: { type } }
      }),
    })
    layouts.set(key, layout)
    return layout
  }
  const make = async (kernel: Kernel): Promise<E.Either<SluiceError, Pipeline>> => {
    const what = `compiling '${kernel.label}'`
    gpu.pushErrorScope('validation')
    const layout = layoutFor(kernel)
    const module = gpu.createShaderModule({ label: kernel.label, code: kernel.wgsl })
    const pipeline = gpu.createComputePipelineAsync({
      label: kernel.label,
      layout: gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module },
    })
    // awaited together: a rejection that nobody awaits yet would end the process
    const scope = gpu.popErrorScope()
    const [ready] = await Promise.all([settled(what, pipeline), settled(what, scope)])
    if (E.isRight(ready)) {
      made++
      return E.right({ pipeline: ready.right, layout })
    }
    if (ready.left.kind !== 'shader') return ready
    const info = await settled(what, module.getCompilationInfo())
    return E.left(shaderError(kernel, E.isRight(info) ? info.right.messages : [], ready.left.message))
  }
  const get = (kernel: Kernel): Promise<E.Either<SluiceError, Pipeline>> => {
    const known = pipelines.get(kernel.wgsl)
    if (known !== undefined) return known
    const pipeline = make(kernel)
    pipelines.set(kernel.wgsl, pipeline)
    return pipeline
  }
  return { count: () => made, get, warmed: new Set() }
}
