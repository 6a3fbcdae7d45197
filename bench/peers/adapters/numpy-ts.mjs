import * as np from 'numpy-ts'
import { S, inputs } from '../lib/data.mjs'
export const info = { device: 'CPU (JS/wasm)', pkg: 'numpy-ts', gelu: 'erf' }
export const init = async () => {}
export const workloads = {
  matmul: async () => {
    const { M, K, N } = S.matmul,
      I = inputs('matmul')
    const a = np.array(I.a).reshape(M, K),
      b = np.array(I.b).reshape(K, N)
    let y
    return {
      run: async () => {
        y = np.matmul(a, b)
      },
      read: async () => ({ y: y.data ?? y.toArray().flat() }),
      note: String(y?.dtype ?? a.dtype),
    }
  },
}
