import '../lib/gpu.mjs'
import * as m from 'webgpu-torch'
import { S, inputs } from '../lib/data.mjs'
const torch = m.default ?? m
export const info = { device: 'WebGPU (Dawn)', pkg: 'webgpu-torch', gelu: 'erf' }
export const init = async () => {
  if (!(await torch.initWebGPUAsync())) throw new Error('initWebGPUAsync returned false')
}
export const workloads = {
  matmul: async () => {
    const { M, K, N } = S.matmul,
      I = inputs('matmul')
    const rows = (a, R, C) => Array.from({ length: R }, (_, r) => Array.from(a.subarray(r * C, r * C + C)))
    const a = torch.tensor(rows(I.a, M, K)),
      b = torch.tensor(rows(I.b, K, N))
    let y
    return {
      run: async () => {
        y = torch.mm(a, b)
        await y.toArrayAsync()
      },
      read: async () => ({ y: Float32Array.from((await y.toArrayAsync()).flat()) }),
    }
  },
}
