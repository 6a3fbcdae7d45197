import '../lib/gpu.mjs'
import { ortWorkload } from './ort-common.mjs'
let ort
export const info = { device: 'WebGPU EP in wasm, Dawn via navigator.gpu', pkg: 'onnxruntime-web', gelu: 'erf' }
export const workloads = {}
export const init = async () => {
  ort = await import(process.env.ORTWEB ?? 'onnxruntime-web/webgpu')
  ort.env.wasm.numThreads = 1
  ort.env.logLevel = 'error'
  const o = { executionProviders: ['webgpu'] }
  for (const w of ['matmul', 'attn', 'dwconv', 'mlp'])
    workloads[w] = ortWorkload(ort, w, o, { attn: process.env.ATTN ?? 'mha' })
}
