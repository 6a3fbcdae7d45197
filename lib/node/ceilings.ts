/**
 * What a device can do at best, measured: the rate of arithmetic alone, of a good matrix product and of plain streaming, with kernels
 * that depend on nothing else in Sluice. `doctor` prints them, and a profile can be read beside them. What is computed is checked exactly
 * before it is timed (operands are small integers), so that a wrong driver cannot look fast.
 *
 * Which product is fast depends on the adapter: a software driver with subgroups of 8 (lavapipe) reads storage images
 * eight texels at a time and buffers one number at a time; one with 4 (SwiftShader) is better off with buffers; in both the
 * subgroup hands the rows of A round. A GPU keeps tiles in workgroup memory.
 */

export interface Rate {
  readonly kernel: string
  /** Time of the best round. */
  readonly milliseconds: number
  /** GFLOP/s of a product, GB/s (read and written) of a stream. */
  readonly rate: number
}
export interface Ceilings {
  /** multiply-adds in registers, which no kernel exceeds */
  readonly arithmetic: Rate
  readonly matmul: Rate
  readonly stream: Rate
  readonly copy: Rate
  /** Submitting nothing and waiting for it, in microseconds. */
  readonly submitMicroseconds: number
}

/** What decides which kernels are fast. */
export interface Kind {
  readonly software: boolean
  /** 0 where the size is unknown or varies. */
  readonly lanes: number
}

interface Product {
  readonly name: string
  readonly code: string
  readonly grid: readonly [number, number]
  readonly images: boolean
  /** Columns in a panel of B, see `packed`. */
  readonly panel: number
}

const imageWidth = 8192
const count = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i)
const lines = (n: number, line: (i: number) => string): string => count(n).map(line).join('\n')

/** n x n x n by subgroups of `lanes`: each makes 16 rows of a panel of B, its lanes hold 16 texels of A and pass them round. */
const shuffled = (n: number, lanes: number, images: boolean): Product => {
  const texel = (t: number) => `first + (k + ${t}u) * ${lanes}u`
  const loadA = (i: number) =>
    images ? `textureLoad(A, vec2u(column, row + ${i}u))` : `A[(row + ${i}u) * ${n / 4}u + column]`
  const loadB = (t: number) =>
    images ? `textureLoad(B, vec2u((${texel(t)}) % ${imageWidth}u, (${texel(t)}) / ${imageWidth}u))` : `B[${texel(t)}]`
  const operand = (name: string, at: number) =>
    images
      ? `@group(0) @binding(${at}) var ${name}: texture_storage_2d<rgba32float, read>;`
      : `@group(0) @binding(${at}) var<storage, read> ${name}: array<vec4f>;`
  const code = `enable subgroups;
${operand('A', 0)}
${operand('B', 1)}
@group(0) @binding(2) var<storage, read_write> Y: array<vec4f>;
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * 16u;
  let rows = min(16u, ${n}u - row); // not a constant, so that the loop over it stays a loop
  let first = group.x * ${n * lanes}u + lane;
  ${lines(16, i => `var sum${i} = vec4f(0);`)}
  for (var block = 0u; block < ${n / (4 * lanes)}u; block++) {
    let column = block * ${lanes}u + lane;
    ${lines(16, i => `let a${i} = ${loadA(i)};`)}
    for (var s = 0u; s < ${lanes}u; s++) {
      let k = (block * ${lanes}u + s) * 4u;
      ${lines(4, t => `let b${t} = ${loadB(t)};`)}
      ${lines(16, i => `{ let a = subgroupShuffle(a${i}, s); sum${i} += a.x * b0 + a.y * b1 + a.z * b2 + a.w * b3; }`)}
    }
  }
  var sums: array<vec4f, 16>;
  ${lines(16, i => `sums[${i}] = sum${i};`)}
  for (var i = 0u; i < rows; i++) { Y[(row + i) * ${n / 4}u + group.x * ${lanes}u + lane] = sums[i]; }
}`
  const name = `${n}³, ${images ? 'images' : 'buffers'}, subgroups of ${lanes}`
  return { name, code, grid: [n / (4 * lanes), n / 16], images, panel: 4 * lanes }
}

/** n x n x n by tiles of 64 x 64 in workgroup memory, 8 rows of 8 columns an invocation. */
const tiled = (n: number): Product => {
  const code = `@group(0) @binding(0) var<storage, read> A: array<vec4f>;
@group(0) @binding(1) var<storage, read> B: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> Y: array<vec4f>;
var<workgroup> tileA: array<f32, 1024>; // [k][row]
var<workgroup> tileB: array<vec4f, 256>; // [k][column]
@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) id: u32) {
  let row = group.y * 64u;
  let column = group.x * 16u;
  ${lines(8, i => `var left${i} = vec4f(0); var right${i} = vec4f(0);`)}
  for (var k0 = 0u; k0 < ${n}u; k0 += 16u) {
    for (var i = id; i < 256u; i += 64u) {
      let a = A[(row + i / 4u) * ${n / 4}u + k0 / 4u + i % 4u];
      let at = (i % 4u) * 256u + i / 4u;
      tileA[at] = a.x; tileA[at + 64u] = a.y; tileA[at + 128u] = a.z; tileA[at + 192u] = a.w;
      tileB[i] = B[(k0 + i / 16u) * ${n / 4}u + column + i % 16u];
    }
    workgroupBarrier();
    for (var k = 0u; k < 16u; k++) {
      let b0 = tileB[k * 16u + local.x];
      let b1 = tileB[k * 16u + 8u + local.x];
      ${lines(8, i => `{ let a = vec4f(tileA[k * 64u + local.y * 8u + ${i}u]); left${i} = fma(a, b0, left${i}); right${i} = fma(a, b1, right${i}); }`)}
    }
    workgroupBarrier();
  }
  ${lines(8, i => `{ let at = (row + local.y * 8u + ${i}u) * ${n / 4}u + column + local.x; Y[at] = left${i}; Y[at + 8u] = right${i}; }`)}
}`
  return { name: `${n}³, tiles in workgroup memory`, code, grid: [n / 64, n / 64], images: false, panel: n }
}

const productFor = ({ software, lanes }: Kind, n: number): Product =>
  software && (lanes === 8 || lanes === 4) ? shuffled(n, lanes, lanes === 8) : tiled(n)

const streamBytes = 64 * 2 ** 20
const stream = ({ software }: Kind) => {
  const lanes = software ? 8 : 256
  const groups = streamBytes / 16 / (lanes * 4)
  const width = Math.min(groups, 16384)
  const code = `@group(0) @binding(0) var<storage, read> X: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> Y: array<vec4f>;
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = (group.y * ${width}u + group.x) * ${lanes * 4}u + lane;
  ${lines(4, i => `Y[first + ${i * lanes}u] = X[first + ${i * lanes}u] * 2.0;`)}
}`
  return { name: `y = 2 x, ${streamBytes / 2 ** 20} MiB`, code, grid: [width, groups / width] as const }
}

/** Independent chains of multiply-adds, few enough for 16 vector registers; the steps in a round hide what the loop costs. */
const [chains, steps] = [8, 64] as const
const arithmeticMilliseconds = 40
const arithmetic = ({ software }: Kind) => {
  const [lanes, groups] = software ? [8, 512] : [256, 4096]
  const code = `@group(0) @binding(0) var<storage, read> X: array<f32>;
@group(0) @binding(1) var<storage, read_write> Y: array<f32>;
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let rounds = u32(X[0]); // not constants, so that nothing is computed beforehand
  let factor = X[1];
  let term = X[2];
  ${lines(chains, i => `var sum${i} = f32(lane) + ${i}.0;`)}
  for (var round = 0u; round < rounds; round++) {
    ${lines(steps, () => lines(chains, i => `sum${i} = fma(sum${i}, factor, term);`))}
  }
  Y[group.x * ${lanes}u + lane] = ${count(chains)
    .map(i => `sum${i}`)
    .join(' + ')};
}`
  const invocations = groups * lanes
  return {
    name: `${chains} chains of multiply-adds`,
    code,
    groups,
    invocations,
    flops: 2 * chains * steps * invocations,
  }
}

const a = (row: number, k: number): number => ((row * 7 + k * 3) % 5) - 2
const b = (k: number, column: number): number => ((k * 5 + column * 11) % 7) - 3

/** B in panels of columns: [column / panel][k][column % panel]. One panel as wide as B is B itself. */
const packed = (n: number, panel: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: n * n }, (_, i) => {
    const within = i % (n * panel)
    return b(Math.floor(within / panel), Math.floor(i / (n * panel)) * panel + (within % panel))
  })

const wait = (device: GPUDevice): Promise<unknown> => device.queue.onSubmittedWorkDone()

const roundMilliseconds = 700
const best = async (once: () => Promise<number>): Promise<number> => {
  const start = performance.now()
  let least = await once()
  for (let round = 1; round < 3 || (round < 50 && performance.now() - start < roundMilliseconds); round++)
    least = Math.min(least, await once())
  return least
}

/** Milliseconds of one dispatch: by the adapter's timestamps where it has them, else by the clock around the wait. */
const stopwatch = (device: GPUDevice) => {
  const timestamps = device.features.has('timestamp-query')
  const querySet = timestamps ? device.createQuerySet({ type: 'timestamp', count: 2 }) : undefined
  const resolved = device.createBuffer({ size: 16, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC })
  const readable = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
  return async (
    pipeline: GPUComputePipeline,
    group: GPUBindGroup,
    grid: readonly [number, number],
  ): Promise<number> => {
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass(
      querySet && { timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } },
    )
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, group)
    pass.dispatchWorkgroups(...grid)
    pass.end()
    if (querySet !== undefined) {
      encoder.resolveQuerySet(querySet, 0, 2, resolved, 0)
      encoder.copyBufferToBuffer(resolved, 0, readable, 0, 16)
    }
    const start = performance.now()
    device.queue.submit([encoder.finish()])
    await wait(device)
    const elapsed = performance.now() - start
    if (querySet === undefined) return elapsed
    await readable.mapAsync(GPUMapMode.READ)
    const [begin = 0n, end = 0n] = new BigUint64Array(readable.getMappedRange().slice(0))
    readable.unmap()
    return end > begin ? Number(end - begin) / 1e6 : elapsed
  }
}

const storage = (device: GPUDevice, size: number): GPUBuffer =>
  device.createBuffer({
    size,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  })

const pipelineOf = (device: GPUDevice, code: string): Promise<GPUComputePipeline> =>
  device.createComputePipelineAsync({ layout: 'auto', compute: { module: device.createShaderModule({ code }) } })

const bind = (
  device: GPUDevice,
  pipeline: GPUComputePipeline,
  resources: readonly GPUBindingResource[],
): GPUBindGroup =>
  device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: resources.map((resource, binding) => ({ binding, resource })),
  })

const upload = (device: GPUDevice, data: Float32Array<ArrayBuffer>, width: number, image: boolean) => {
  if (!image) {
    const buffer = storage(device, data.byteLength)
    device.queue.writeBuffer(buffer, 0, data)
    return {
      resource: { buffer },
      destroy: () => {
        buffer.destroy()
      },
    }
  }
  const size = [width, data.length / 4 / width] as const
  const texture = device.createTexture({
    size,
    format: 'rgba32float',
    usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_DST,
  })
  device.queue.writeTexture({ texture }, data, { bytesPerRow: width * 16 }, size)
  return {
    resource: texture.createView(),
    destroy: () => {
      texture.destroy()
    },
  }
}

const numbersIn = async (device: GPUDevice, buffer: GPUBuffer): Promise<Float32Array> => {
  const readable = device.createBuffer({ size: buffer.size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
  const encoder = device.createCommandEncoder()
  encoder.copyBufferToBuffer(buffer, 0, readable, 0, buffer.size)
  device.queue.submit([encoder.finish()])
  await readable.mapAsync(GPUMapMode.READ)
  const numbers = new Float32Array(readable.getMappedRange().slice(0))
  readable.destroy()
  return numbers
}

/** The first wrong element of some spread over the product, in words; nothing where all are right. */
const mistake = async (device: GPUDevice, y: GPUBuffer, n: number): Promise<string | undefined> => {
  const found = await numbersIn(device, y)
  const wrong = count(64)
    .map(i => [(i * 7919) % n, (i * 104729 + 5) % n] as const)
    .map(([row, column]) => {
      const expected = count(n).reduce((sum, k) => sum + a(row, k) * b(k, column), 0)
      const value = found[row * n + column]
      return value === expected ? undefined : `[${row}, ${column}] is ${value}, expected ${expected}`
    })
  return wrong.find(text => text !== undefined)
}

const measureMatmul = async (device: GPUDevice, kind: Kind, n: number): Promise<Rate> => {
  const product = productFor(kind, n)
  const pipeline = await pipelineOf(device, product.code)
  const rows = Float32Array.from({ length: n * n }, (_, i) => a(Math.floor(i / n), i % n))
  const left = upload(device, rows, n / 4, product.images)
  const right = upload(device, packed(n, product.panel), imageWidth, product.images)
  const y = storage(device, n * n * 4)
  const group = bind(device, pipeline, [left.resource, right.resource, { buffer: y }])
  const time = stopwatch(device)
  const once = () => time(pipeline, group, product.grid)
  await once()
  const wrong = await mistake(device, y, n)
  if (wrong !== undefined) throw new Error(`this adapter computes a wrong matrix product (${product.name}): ${wrong}`)
  const milliseconds = await best(once)
  for (const resource of [left, right, y]) resource.destroy()
  return { kernel: product.name, milliseconds, rate: (2 * n ** 3) / milliseconds / 1e6 }
}

const measureArithmetic = async (device: GPUDevice, kind: Kind): Promise<Rate> => {
  const { name, code, groups, invocations, flops } = arithmetic(kind)
  const pipeline = await pipelineOf(device, code)
  const [x, y] = [storage(device, 16), storage(device, 4 * invocations)]
  const group = bind(device, pipeline, [{ buffer: x }, { buffer: y }])
  const time = stopwatch(device)
  const once = (rounds: number): Promise<number> => {
    // y = y / 2 + 1 comes to 2 wherever it starts
    device.queue.writeBuffer(x, 0, Float32Array.of(rounds, 0.5, 1))
    return time(pipeline, group, [groups, 1])
  }
  const fewest = 16
  await once(fewest)
  const found = (await numbersIn(device, y)).find(n => n !== 2 * chains)
  if (found !== undefined) throw new Error(`this adapter computes wrongly (${name}): ${found}, expected ${2 * chains}`)
  const rounds = fewest * Math.max(1, Math.min(256, Math.round(arithmeticMilliseconds / (await once(fewest)))))
  const milliseconds = await best(() => once(rounds))
  for (const buffer of [x, y]) buffer.destroy()
  return { kernel: name, milliseconds, rate: (rounds * flops) / milliseconds / 1e6 }
}

const measureStream = async (device: GPUDevice, kind: Kind): Promise<Pick<Ceilings, 'stream' | 'copy'>> => {
  const { name, code, grid } = stream(kind)
  const pipeline = await pipelineOf(device, code)
  const [x, y] = [storage(device, streamBytes), storage(device, streamBytes)]
  const group = bind(device, pipeline, [{ buffer: x }, { buffer: y }])
  const time = stopwatch(device)
  await time(pipeline, group, grid)
  const streaming = await best(() => time(pipeline, group, grid))
  const copying = await best(async () => {
    const encoder = device.createCommandEncoder()
    encoder.copyBufferToBuffer(x, 0, y, 0, streamBytes)
    const start = performance.now()
    device.queue.submit([encoder.finish()])
    await wait(device)
    return performance.now() - start
  })
  for (const buffer of [x, y]) buffer.destroy()
  const rate = (milliseconds: number) => (2 * streamBytes) / milliseconds / 1e6
  return {
    stream: { kernel: name, milliseconds: streaming, rate: rate(streaming) },
    copy: { kernel: `copy, ${streamBytes / 2 ** 20} MiB`, milliseconds: copying, rate: rate(copying) },
  }
}

const measureSubmit = (device: GPUDevice): Promise<number> =>
  best(async () => {
    const start = performance.now()
    device.queue.submit([device.createCommandEncoder().finish()])
    await wait(device)
    return (performance.now() - start) * 1000
  })

/** A fast device gets the larger product: 1024³ does not fill it. Throws where a kernel fails or computes wrongly. */
export const measureCeilings = async (device: GPUDevice, kind: Kind): Promise<Ceilings> => {
  const small = await measureMatmul(device, kind, 1024)
  const matmul = small.milliseconds < 5 ? await measureMatmul(device, kind, 4096) : small
  const registers = await measureArithmetic(device, kind)
  const streams = await measureStream(device, kind)
  return { arithmetic: registers, matmul, ...streams, submitMicroseconds: await measureSubmit(device) }
}
