// Runs WGSL that tinygrad's compiler emitted (py/tinygrad_dump.py -> .cache/tinygrad-*.json) on Dawn: tinygrad's codegen without its runtime.
import { gpu } from '../lib/gpu.mjs'
import fs from 'node:fs'
import { S, inputs } from '../lib/data.mjs'
export const info = { device: 'WebGPU (Dawn), kernels by tinygrad', pkg: 'tinygrad (source)', gelu: 'erf' }
let dev
export const init = async () => {
  const a = await gpu.requestAdapter()
  const f = ['shader-f16', 'subgroups'].filter(x => a.features.has(x))
  dev = await a.requestDevice({
    requiredFeatures: f,
    requiredLimits: {
      maxStorageBufferBindingSize: a.limits.maxStorageBufferBindingSize,
      maxBufferSize: a.limits.maxBufferSize,
      maxStorageBuffersPerShaderStage: a.limits.maxStorageBuffersPerShaderStage,
      maxComputeInvocationsPerWorkgroup: a.limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: a.limits.maxComputeWorkgroupSizeX,
    },
  })
}
const mk = w => async () => {
  const J = JSON.parse(fs.readFileSync(new URL(`../.cache/tinygrad-${w}.json`, import.meta.url), 'utf8')),
    I = inputs(w),
    U = GPUBufferUsage
  const B = Object.fromEntries(
    Object.entries(J.sizes).map(([i, n]) => [
      i,
      dev.createBuffer({ size: Math.ceil(n / 4) * 4, usage: U.STORAGE | U.COPY_SRC | U.COPY_DST }),
    ]),
  )
  for (const k in J.ins) dev.queue.writeBuffer(B[J.ins[k]], 0, I[k])
  const inf = dev.createBuffer({ size: 4, usage: U.UNIFORM | U.COPY_DST })
  dev.queue.writeBuffer(inf, 0, Float32Array.of(Infinity))
  let ks
  const build = async () =>
    Promise.all(
      J.calls.map(async c => {
        const entries = [
          { binding: 0, visibility: 4, buffer: { type: 'uniform' } },
          ...c.bufs.map((_, i) => ({ binding: i + 1, visibility: 4, buffer: { type: 'storage' } })),
        ]
        const bgl = dev.createBindGroupLayout({ entries })
        const p = await dev.createComputePipelineAsync({
          layout: dev.createPipelineLayout({ bindGroupLayouts: [bgl] }),
          compute: { module: dev.createShaderModule({ code: c.src }) },
        })
        return {
          p,
          grid: c.grid,
          g: dev.createBindGroup({
            layout: bgl,
            entries: [inf, ...c.bufs.map(b => B[b])].map((buffer, binding) => ({ binding, resource: { buffer } })),
          }),
        }
      }),
    )
  return {
    run: async () => {
      ks ??= await build()
      const e = dev.createCommandEncoder(),
        q = e.beginComputePass()
      for (const k of ks) {
        q.setPipeline(k.p)
        q.setBindGroup(0, k.g)
        q.dispatchWorkgroups(...k.grid)
      }
      q.end()
      dev.queue.submit([e.finish()])
      await dev.queue.onSubmittedWorkDone()
    },
    read: async () => {
      const o = {}
      for (const k in J.outs) {
        const b = B[J.outs[k]],
          r = dev.createBuffer({ size: b.size, usage: U.MAP_READ | U.COPY_DST }),
          e = dev.createCommandEncoder()
        e.copyBufferToBuffer(b, 0, r, 0, b.size)
        dev.queue.submit([e.finish()])
        await r.mapAsync(GPUMapMode.READ)
        o[k] = new Float32Array(r.getMappedRange().slice(0))
        r.destroy()
      }
      return o
    },
    close: async () => {
      for (const k in B) B[k].destroy()
    },
  }
}
export const workloads = {}
for (const w of ['matmul', 'attn', 'dwconv', 'mlp', 'mlpgrad'])
  if (fs.existsSync(new URL(`../.cache/tinygrad-${w}.json`, import.meta.url))) workloads[w] = mk(w)
