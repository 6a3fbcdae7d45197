import ort from 'onnxruntime-node'
import { ortWorkload } from './ort-common.mjs'
const o = { executionProviders: ['cpu'], intraOpNumThreads: 2, logSeverityLevel: 3 }
export const info = { device: 'CPU (MLAS, 2 threads)', pkg: 'onnxruntime-node', gelu: 'erf' }
export const init = async () => {}
export const workloads = Object.fromEntries(
  ['matmul', 'attn', 'dwconv', 'mlp'].map(w => [w, ortWorkload(ort, w, o, { attn: process.env.ATTN ?? 'mha' })]),
)
