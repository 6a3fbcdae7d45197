import * as ort from 'onnxruntime-web'
import { ortWorkload } from './ort-common.mjs'
ort.env.wasm.numThreads = 2
ort.env.logLevel = 'error'
const o = { executionProviders: ['wasm'] }
export const info = { device: 'wasm SIMD, 2 threads', pkg: 'onnxruntime-web', gelu: 'erf' }
export const init = async () => {}
export const workloads = Object.fromEntries(
  ['matmul', 'attn', 'dwconv', 'mlp'].map(w => [w, ortWorkload(ort, w, o, { attn: process.env.ATTN ?? 'mha' })]),
)
