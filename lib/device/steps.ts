/**
 * Passes made ready for one memory plan: pipeline, bind group and workgroups of each, in order. Encoding a run is then a loop over
 * them. Passes without workgroups, which an axis of length 0 makes, are not among them.
 */
import { foldGrid } from '../compile/grid.ts'
import type { MemoryPlan, Planner } from '../compile/memory.ts'
import type { BufferPlan, Pass } from '../compile/pass.ts'
import type { Device } from './device.ts'
import type { Pipeline } from './pipelines.ts'

export interface Step {
  readonly pass: Pass
  readonly pipeline: GPUComputePipeline
  readonly group: GPUBindGroup
  readonly grid: readonly [number, number, number]
  readonly flops: number
  readonly bytes: number
}

/** What steps are made of. `pipelines` is by WGSL text; `memory` is the buffer that holds, or shares its memory with, a planned one. */
export interface Ground {
  readonly device: Device
  readonly planner: Planner
  readonly pipelines: ReadonlyMap<string, Pipeline>
  readonly memory: (buffer: BufferPlan, plan: MemoryPlan) => GPUBuffer
}

/** Throws nothing of its own; call it within `guarded`. */
export const stepsOf = (
  { device, planner, pipelines, memory }: Ground,
  passes: readonly Pass[],
  plan: MemoryPlan,
  words: GPUBuffer | undefined,
): readonly Step[] => {
  const number = (size: Pass['flops']): number => planner.valueOf(size, plan)
  return passes.flatMap(pass => {
    const [x, y, z] = pass.grid
    const grid = foldGrid([number(x), number(y), number(z)], device.profile.maxWorkgroupsPerDimension)
    if (grid.includes(0)) return []
    const { pipeline, layout } = pipelines.get(pass.wgsl) as Pipeline
    const bound: GPUBufferBinding[] = [...pass.reads, pass.write].map(operand => {
      const { offset, bytes } = planner.region(operand, plan)
      return { buffer: memory(operand.buffer, plan), offset, size: bytes }
    })
    const block = planner.uniform(pass)
    if (block !== undefined && words !== undefined)
      bound.push({ buffer: words, offset: block.offset, size: block.bytes })
    const entries = bound.map((resource, binding) => ({ binding, resource }))
    const group = device.gpu.createBindGroup({ label: pass.label, layout, entries })
    return [{ pass, pipeline, group, grid, flops: number(pass.flops), bytes: number(pass.bytes) }]
  })
}

/** The buffer of the named sizes of a plan, written; undefined where no pass has any. Call it within `guarded`. */
export const writeWords = (device: Device, { words }: MemoryPlan): GPUBuffer | undefined => {
  if (words.length === 0) return undefined
  const buffer = device.allocate('named sizes', words.byteLength, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST)
  device.gpu.queue.writeBuffer(buffer, 0, words as Int32Array<ArrayBuffer>)
  return buffer
}

/** Steps in a compute pass of their own. */
export const encodePass = (
  encoder: GPUCommandEncoder,
  steps: readonly Step[],
  descriptor?: GPUComputePassDescriptor,
): void => {
  const pass = encoder.beginComputePass(descriptor)
  let current: GPUComputePipeline | undefined
  for (const { pipeline, group, grid } of steps) {
    if (pipeline !== current) pass.setPipeline(pipeline)
    current = pipeline
    pass.setBindGroup(0, group)
    pass.dispatchWorkgroups(...grid)
  }
  pass.end()
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
