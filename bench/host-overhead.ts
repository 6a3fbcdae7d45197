/**
 * What the host does before and between runs of the full-size MG-LLaVA: building its graph, lowering it, planning memory, making pipelines
 * and encoding a run. No weights and no GPU: Dawn's null backend checks all that it is given, and executes nothing. It has not the memory
 * of a model either, so everything that would stay on the device is bound to one buffer and one image.
 */
import { mgLlava, mgLlavaVicuna7b } from 'sluice/models'
import { either as E } from 'fp-ts'
import type { SluiceError } from '../lib/errors.ts'
import { imageFormat, type ImageFormat } from '../lib/compile/images.ts'
import { lower } from '../lib/compile/lower.ts'
import { memoryPlanner, type MemoryPlan, type Planner } from '../lib/compile/memory.ts'
import type { BufferPlan, DeviceProfile, Lowered } from '../lib/compile/pass.ts'
import { deviceOf, type Device } from '../lib/device/device.ts'
import type { Pipeline } from '../lib/device/pipelines.ts'
import { encodeSteps, stepsOf, writeWords, type Ground } from '../lib/device/steps.ts'
import { topological } from '../lib/graph/index.ts'
import { nullGpu } from '../lib/node/adapter.ts'
import { median, opened } from './measure.ts'

/** Milliseconds. What a program does once is done once; other plans and encoding are medians of many. */
export interface HostOverhead {
  readonly tuning: DeviceProfile['tuning']
  readonly nodes: number
  readonly passes: number
  /** passes that run once, on weights alone */
  readonly prepare: number
  readonly kernels: number
  /** copies into images at every run */
  readonly copies: number
  readonly build: number
  readonly lower: number
  /** reading the program for plans, and the first plan */
  readonly plan: number
  /** a plan for other sizes */
  readonly replan: number
  readonly pipelines: number
  /** from graph to program: lower, plan and pipelines */
  readonly compile: number
  /** bind groups, once for each choice of sizes */
  readonly bind: number
  readonly encode: number
}

/** What lowering is told of each kind of device; other limits are the null backend's, whose buffers are smaller than anyone's. */
const kinds = {
  lavapipe: { tuning: 'lavapipe', subgroup: [8, 8], imageRows: 8192, maxBuffer: 2 ** 32 },
  gpu: { tuning: 'gpu', subgroup: [32, 32], imageRows: 0, maxBuffer: 2 ** 32 },
} as const
/** Sizes of a question about a picture. */
const sizes = { before: 35, boxes: 12, after: 30 }
const rounds = 9
const plans = 60

const lap = (): (() => number) => {
  let last = performance.now()
  return () => {
    const before = last
    last = performance.now()
    return last - before
  }
}
const pipelinesOf = async ({ prepare, passes }: Lowered, device: Device): Promise<ReadonlyMap<string, Pipeline>> => {
  const kernels = new Map([...prepare, ...passes].map(pass => [pass.wgsl, pass]))
  const made = [...kernels].map(
    async ([wgsl, kernel]) => [wgsl, await opened(() => device.pipelines.get(kernel))] as const,
  )
  return new Map(await Promise.all(made))
}
/** What steps are made of. Pools are as planned; all that stays is bound from the start of one buffer, or of one image of its format. */
const groundOf = (
  device: Device,
  planner: Planner,
  plan: MemoryPlan,
  pipelines: ReadonlyMap<string, Pipeline>,
): Ground => {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
  const pools = plan.pools.map((bytes, i) => device.allocate(`pool ${i}`, bytes, usage))
  const images = plan.images.map(({ rows, format }, i) => device.allocateImage(`image ${i}`, rows, format))
  const staying = device.allocate('what stays', device.profile.maxBinding, usage)
  const pictured = new Map<ImageFormat, GPUTexture>()
  const picture = (format: ImageFormat): GPUTexture => {
    const image = pictured.get(format) ?? device.allocateImage('what stays', device.profile.imageRows, format)
    pictured.set(format, image)
    return image
  }
  const poolOf = (buffer: BufferPlan): number => plan.pool[planner.positionOf(buffer)]!
  const region: Planner['region'] = (operand, at) => {
    const { offset, bytes } = planner.region(operand, at)
    return { offset: poolOf(operand.buffer) < 0 ? 0 : offset, bytes }
  }
  return {
    device,
    planner: { ...planner, region },
    pipelines,
    memory: buffer => pools[poolOf(buffer)] ?? staying,
    image: buffer => images[plan.image[planner.positionOf(buffer)]!] ?? picture(imageFormat(buffer.storage)),
  }
}

/** Measures it all for one kind of device. */
export const hostOverhead = async (tuning: keyof typeof kinds): Promise<HostOverhead> => {
  const { adapter } = await opened(nullGpu)
  const device = await opened(deviceOf({ adapter, profile: kinds[tuning] }))
  const next = lap()
  const logits = mgLlava(mgLlavaVicuna7b)
  const build = next()
  const lowered = lower(logits, { profile: device.profile })
  const lowering = next()
  const planner = memoryPlanner(lowered, device.profile)
  const plan = valueOf(planner.plan(sizes))
  const planning = next()
  const pipelines = await pipelinesOf(lowered, device)
  const making = next()
  const replans = Array.from({ length: plans }, (_, i) => {
    valueOf(planner.plan({ ...sizes, after: sizes.after + 1 + i }))
    return next()
  })
  const encoded = await opened(() =>
    device.guarded('encoding', () => {
      const ground = groundOf(device, planner, plan, pipelines)
      const words = writeWords(device, plan)
      next()
      const steps = stepsOf(ground, lowered.passes, plan, words)
      const bind = next()
      const times = Array.from({ length: rounds }, () => {
        next()
        const encoder = device.gpu.createCommandEncoder()
        encodeSteps(encoder, steps)
        device.submit(encoder.finish())
        return next()
      })
      return { bind, encode: median(times), copies: steps.filter(step => step.what === 'copy').length }
    }),
  )
  device.dispose()
  return {
    tuning,
    nodes: topological([logits]).length,
    passes: lowered.passes.length,
    prepare: lowered.prepare.length,
    kernels: pipelines.size,
    build,
    lower: lowering,
    plan: planning,
    replan: median(replans),
    pipelines: making,
    compile: lowering + planning + making,
    ...encoded,
  }
}
const valueOf = <A>(result: E.Either<SluiceError, A>): A => {
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}
