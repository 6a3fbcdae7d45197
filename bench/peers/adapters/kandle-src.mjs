// Optional: a bundle of @kandle/core + @kandle/backend-webgpu built from its source (KANDLE=path to the bundle); core is not on npm.
import '../lib/gpu.mjs'
import { S, inputs, transpose2 } from '../lib/data.mjs'
export const info = { device: 'WebGPU (Dawn)', pkg: 'kandle (source)', gelu: 'erf' }
let k, B
export const init = async () => {
  const m = await import(process.env.KANDLE ?? '../../kandle/kandle.mjs')
  k = m.k
  B = await m.WebGPUBackend.create()
  k.env.setBackend(B)
  k.env.setDefaultDevice(B.name)
}
const T = (d, s) => new k.Tensor(d, { shape: s, dtype: 'float32' })
const sync = async t => {
  await t.dataAsync()
}
const mk = f => async () => {
  const g = f()
  let y
  return {
    run: async () => {
      y?.dispose?.()
      y = g()
      await sync(y)
    },
    read: async () => ({ y: await y.dataAsync() }),
  }
}
export const workloads = {
  matmul: mk(() => {
    const { M, K, N } = S.matmul,
      I = inputs('matmul'),
      a = T(I.a, [M, K]),
      b = T(I.b, [K, N])
    return () => k.matmul(a, b)
  }),
  attn: mk(() => {
    const { H, T: t, D } = S.attn,
      I = inputs('attn'),
      [q, kk, v] = ['q', 'k', 'v'].map(n => T(I[n], [1, H, t, D]))
    return () => k.scaledDotProductAttention(q, kk, v)
  }),
  mlp: mk(() => {
    const { T: t, C, F, eps } = S.mlp,
      I = inputs('mlp')
    const x = T(I.x, [t, C]),
      g = T(I.g, [C]),
      be = T(I.be, [C]),
      w1 = T(transpose2(I.w1, C, F), [F, C]),
      b1 = T(I.b1, [F]),
      w2 = T(transpose2(I.w2, F, C), [C, F]),
      b2 = T(I.b2, [C])
    return () => k.linear(k.gelu(k.linear(k.layerNorm(x, [C], g, be, eps), w1, b1)), w2, b2)
  }),
  // wrong result at 192 channels x 192x192 (seen 2026-11): kept behind KANDLE_DW
  ...(process.env.KANDLE_DW
    ? {
        dwconv: mk(() => {
          const s = S.dwconv,
            I = inputs('dwconv'),
            x = T(I.x, [1, s.C, s.H, s.W]),
            w = T(I.w, [s.C, 1, s.R, s.R])
          return () => k.conv2d(x, w, undefined, 1, 3, 1, s.C)
        }),
      }
    : {}),
}
