/**
 * What a token costs a language model with the layers of Vicuna-7B, with weights in halves, 8 bits and 4 bits: milliseconds, bytes a
 * second, and the ratio to the fastest kernels known for its products, which run in the same process in turn, on weights of their own.
 * And what reading 640 tokens costs, from the same weights. Numbers are made by formula; four layers are enough, since all are alike.
 *
 * `npx tsx --conditions=sluice-source bench/decode-vicuna.ts [STORAGE,...] [--layers 4] [--rounds 7] [--prefill TOKENS]`
 */
import { taskEither as TE } from 'fp-ts'
import { pathToFileURL } from 'node:url'
import { compile, indexInput, sharedDevice, updates, value, type Device, type Program, type WeightSource } from 'sluice'
import { nextToken, embed, remembering, vicuna7b } from 'sluice/models'
import { add, argmax, iota } from 'sluice/ops'
import { figure, interleaved, median, opened, ratio, timed } from './measure.ts'
import { emit, progress } from './report.ts'
import { studyMatmul, studyMatvec, type StudyWeights } from './study-kernels.ts'

export interface DecodeOptions {
  readonly storages?: readonly StudyWeights[]
  readonly layers?: number
  readonly rounds?: number
  /** tokens to read at once; 0 leaves that out */
  readonly prefill?: number
  /** tokens read before the one that is timed */
  readonly position?: number
}
export interface Decoded {
  readonly storage: StudyWeights
  /** milliseconds of one token: all layers and the scores */
  readonly token: number
  /** of the study's kernels for the same products */
  readonly kernels: number
  /** the median of the rounds' ratios */
  readonly ratio: number
  /** bytes of weights that a token reads, in a second */
  readonly gigabytes: number
  readonly prefill?: {
    readonly tokens: number
    readonly seconds: number
    readonly gigaflops: number
    /** of the study's product of as many rows, in the same process */
    readonly matmul: number
  }
}

/** Numbers for a tensor of any size: those of one table, again and again, and from another place in it for every tensor. */
const table = (() => {
  const numbers = new Float32Array(2 ** 20)
  let state = 17
  for (let i = 0; i < numbers.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    numbers[i] = (state / 2 ** 32 - 0.5) * 0.04
  }
  return numbers
})()
const madeUp = (shape: readonly number[], start: number): ReturnType<WeightSource['get']> => {
  const readRange = (first: number, count: number) =>
    TE.fromIO(() => {
      const made = new Float32Array(count)
      for (let at = 0; at < count;) {
        const from = (start + first + at) % table.length
        const piece = Math.min(count - at, table.length - from)
        made.set(table.subarray(from, from + piece), at)
        at += piece
      }
      return made
    })
  return {
    shape,
    read: readRange(
      0,
      shape.reduce((n, d) => n * d, 1),
    ),
    readRange,
  }
}

const capacity = 1024
const programOf = async (storage: StudyWeights, layers: number): Promise<Program> => {
  const config = { ...vicuna7b, layers }
  const position = indexInput('position', [1])
  const sequence = embed(config)(indexInput('ids', ['n']))
  const logits = nextToken(config, remembering(capacity, position))(sequence, add(iota('n'), position) as never)
  const outputs = { token: argmax(-1)(logits), logits }
  let tensors = 0
  const weights = {
    get: (name: string) => {
      const at = (tensors += 7919)
      return madeUp(shapeOf(name), at)
    },
  }
  const { width, mlpWidth, vocabulary } = config
  const shapeOf = (name: string): readonly number[] =>
    /norm/.test(name)
      ? [width]
      : /lm_head|embed/.test(name)
        ? [vocabulary, width]
        : /gate|up/.test(name)
          ? [mlpWidth, width]
          : /down/.test(name)
            ? [width, mlpWidth]
            : [width, width]
  return opened(compile(outputs, { weights, storage, next: updates(outputs) }))
}
const tokens = (ids: readonly number[], position: number) => ({
  ids: value([ids.length], ids, 'index'),
  position: value([1], [position], 'index'),
})

/** The products of one token: [k, n] of every matrix that it is multiplied with. */
const products = (layers: number): readonly (readonly [k: number, n: number])[] => {
  const { width, mlpWidth, vocabulary } = vicuna7b
  const square = Array.from({ length: 4 }, () => [width, width] as const)
  const layer = [...square, [width, mlpWidth] as const, [width, mlpWidth] as const, [mlpWidth, width] as const]
  return [...Array.from({ length: layers }, () => layer).flat(), [width, vocabulary] as const]
}
interface Runner {
  /** all of it, once */
  readonly run: () => Promise<void>
  readonly dispose: () => void
}
/** Kernels with images of their own, one submit. */
const runnerOf = async (
  { gpu }: Device,
  kernels: readonly { wgsl: string; grid: readonly number[]; images: readonly number[]; buffers: readonly number[] }[],
): Promise<Runner> => {
  const held: (GPUBuffer | GPUTexture)[] = []
  const pipelines = new Map<string, GPUComputePipeline>()
  const filler = gpu.createBuffer({ size: 2 ** 20, usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST })
  gpu.queue.writeBuffer(filler, 0, table.subarray(0, 2 ** 18))
  const image = (bytes: number, format: GPUTextureFormat): GPUTexture => {
    const height = Math.ceil(bytes / 2 ** 17)
    const usage = GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_DST
    const made = gpu.createTexture({ size: [8192, height], format, usage })
    const encoder = gpu.createCommandEncoder()
    for (let y = 0; y < height; y += 8)
      encoder.copyBufferToTexture({ buffer: filler, bytesPerRow: 2 ** 17 }, { texture: made, origin: [0, y] }, [
        8192,
        Math.min(8, height - y),
      ])
    gpu.queue.submit([encoder.finish()])
    held.push(made)
    return made
  }
  const buffer = (size: number): GPUBuffer => {
    const made = gpu.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST })
    held.push(made)
    return made
  }
  const steps: {
    readonly pipeline: GPUComputePipeline
    readonly grid: readonly number[]
    readonly group: GPUBindGroup
  }[] = []
  for (const { wgsl, grid, images, buffers } of kernels) {
    const module = gpu.createShaderModule({ code: wgsl })
    const pipeline =
      pipelines.get(wgsl) ??
      (await gpu.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } }))
    pipelines.set(wgsl, pipeline)
    const formats = [...wgsl.matchAll(/texture_storage_2d<(\w+), read>/g)].map(m => m[1] as GPUTextureFormat)
    const bound = [
      ...images.map((bytes, i) => image(bytes, formats[i]!).createView()),
      ...buffers.map(bytes => ({ buffer: buffer(bytes) })),
    ]
    const entries = bound.map((resource, binding) => ({ binding, resource }))
    steps.push({ pipeline, grid, group: gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }) })
  }
  return {
    run: async () => {
      const encoder = gpu.createCommandEncoder()
      const pass = encoder.beginComputePass()
      for (const { pipeline, group, grid } of steps) {
        pass.setPipeline(pipeline)
        pass.setBindGroup(0, group)
        pass.dispatchWorkgroups(grid[0]!, grid[1] ?? 1)
      }
      pass.end()
      gpu.queue.submit([encoder.finish()])
      await gpu.queue.onSubmittedWorkDone()
    },
    dispose: () => {
      for (const memory of [...held, filler]) memory.destroy()
    },
  }
}

/** One storage: the model and the kernels, round after round. */
const decode = async (storage: StudyWeights, options: DecodeOptions): Promise<Decoded> => {
  const { layers = 4, rounds = 7, prefill = 640, position = 640 } = options
  const device = await opened(sharedDevice)
  progress(`${storage}: loading ${layers} layers`)
  const program = await programOf(storage, layers)
  const shapes = products(layers)
  const kernels = shapes.map(([k, n]) => {
    const { wgsl, grid, bytes, scales } = studyMatvec(k, n, storage)
    const buffers = [4 * k, 4 * n, ...(scales === 0 ? [] : [4 * scales])]
    return { wgsl, grid: [grid], images: [bytes], buffers }
  })
  const study = await runnerOf(device, kernels)
  const token = () => opened(program.run(tokens([1], position), { only: ['token'] }))
  for (const task of [token, study.run]) await task()
  progress(`${storage}: a token`)
  const [model, alone] = (await interleaved([() => timed(token), () => timed(study.run)], rounds)) as [
    readonly number[],
    readonly number[],
  ]
  study.dispose()
  const numbers = shapes.reduce((sum, [k, n]) => sum + k * n, 0)
  const bytes = numbers * { f32: 4, f16: 2, q8: 17 / 16, q4: 9 / 16 }[storage]
  const found: Decoded = {
    storage,
    token: median(model),
    kernels: median(alone),
    ratio: ratio(model, alone),
    gigabytes: bytes / median(model) / 1e6,
  }
  const read = prefill === 0 ? {} : { prefill: await reading(device, program, layers, prefill, rounds) }
  program.dispose()
  return { ...found, ...read }
}

const reading = async (
  device: Device,
  program: Program,
  layers: number,
  count: number,
  rounds: number,
): Promise<NonNullable<Decoded['prefill']>> => {
  progress(`${count} tokens at once`)
  const { width } = vicuna7b
  const { wgsl, grid, bytes } = studyMatmul(count, width, width)
  const product = await runnerOf(device, [
    { wgsl, grid, images: [4 * count * width, bytes], buffers: [4 * count * width] },
  ])
  const all = () =>
    opened(
      program.run(
        tokens(
          Array.from({ length: count }, (_, i) => i),
          0,
        ),
        { only: ['token'] },
      ),
    )
  await opened(
    program.run(
      tokens(
        Array.from({ length: 17 }, (_, i) => i),
        0,
      ),
      { only: ['token'] },
    ),
  )
  await product.run()
  const [model, alone] = (await interleaved([() => timed(all), () => timed(product.run)], Math.min(rounds, 2))) as [
    readonly number[],
    readonly number[],
  ]
  product.dispose()
  const layer = products(1).slice(0, -1)
  const flops = 2 * count * layers * layer.reduce((sum, [k, n]) => sum + k * n, 0)
  return {
    tokens: count,
    seconds: median(model) / 1e3,
    gigaflops: flops / median(model) / 1e6,
    matmul: (2 * count * width * width) / median(alone) / 1e6,
  }
}

/** Figures by storage, one after the other: each has weights of its own. */
export const decodeVicuna = async (options: DecodeOptions = {}): Promise<readonly Decoded[]> => {
  const found: Decoded[] = []
  for (const storage of options.storages ?? (['f16', 'q8', 'q4'] as const)) found.push(await decode(storage, options))
  return found
}

const option = (name: string): number | undefined => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? undefined : Number(process.argv[at + 1])
}
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [named] = process.argv.slice(2).filter(text => /^[fq]/.test(text))
  const [layers = 4, rounds = 7, prefill = 640] = ['layers', 'rounds', 'prefill'].map(option)
  const storages = (named?.split(',') ?? ['f16', 'q8', 'q4']) as StudyWeights[]
  const found = await decodeVicuna({ storages, layers, rounds, prefill })
  const device = await opened(sharedDevice)
  emit({
    title: `A token of Vicuna-7B, ${layers} layers`,
    command: 'npx tsx --conditions=sluice-source bench/decode-vicuna.ts',
    says: [
      `${device.name}. The kernels are the fastest known for the products alone; a token of the model is everything, to the id chosen.`,
    ],
    tables: [
      {
        caption: 'One token after 640',
        head: ['weights', 'ms', 'GB/s of weights', 'kernels alone, ms', 'ratio'],
        rows: found.map(f => [f.storage, figure(f.token), figure(f.gigabytes), figure(f.kernels), figure(f.ratio)]),
      },
      {
        caption: 'Reading at once',
        head: ['weights', 'tokens', 's', 'GFLOP/s', 'of 640 x 4096 x 4096'],
        rows: found.flatMap(({ storage, prefill: p }) =>
          p === undefined
            ? []
            : [[storage, `${p.tokens}`, figure(p.seconds), figure(p.gigaflops), figure(p.gigaflops / p.matmul)]],
        ),
      },
    ],
    data: found,
  })
  device.dispose()
}
