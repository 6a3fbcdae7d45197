// Attention as MatMul/Softmax/MatMul nodes instead of the fused MultiHeadAttention contrib op.
import ort from 'onnxruntime-node'
import { ortWorkload } from './ort-common.mjs'
export const info = { device: 'WebGPU (native Dawn inside libonnxruntime)', pkg: 'onnxruntime-node', gelu: 'erf' }
export const init = async () => {}
export const workloads = {
  attn: ortWorkload(ort, 'attn', { executionProviders: ['webgpu'], logSeverityLevel: 3 }, { attn: 'ops' }),
}
