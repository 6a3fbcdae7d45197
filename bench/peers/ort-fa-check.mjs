// Is ORT's fused MultiHeadAttention on WebGPU right on this adapter? float64 check over all rows for several lengths.
import ort from 'onnxruntime-node'
import { node, model } from './lib/onnx.mjs'
import { rng } from './lib/data.mjs'
for (const T of [16, 31, 32, 33, 64, 65, 128, 576, 577])
  for (const ep of ['webgpu', 'cpu']) {
    const H = 2,
      D = 64,
      r = rng(T),
      mk = () => Float32Array.from({ length: T * H * D }, () => (r() - 0.5) * 3),
      q = mk(),
      k = mk(),
      v = mk(),
      d = [1, T, H * D]
    const s = await ort.InferenceSession.create(
      model({
        nodes: [node('MultiHeadAttention', ['q', 'k', 'v'], ['y'], { num_heads: H }, 'com.microsoft')],
        inputs: ['q', 'k', 'v'].map(n => [n, d]),
        outputs: [['y', d]],
      }),
      { executionProviders: [ep], logSeverityLevel: 4 },
    )
    const y = (
      await s.run({
        q: new ort.Tensor('float32', q, d),
        k: new ort.Tensor('float32', k, d),
        v: new ort.Tensor('float32', v, d),
      })
    ).y.data
    let worst = 0,
      mx = 0,
      bad = 0
    for (let h = 0; h < H; h++)
      for (let t = 0; t < T; t++) {
        const p = new Float64Array(T)
        let m = -1e9,
          z = 0
        for (let u = 0; u < T; u++) {
          let a = 0
          for (let e = 0; e < D; e++) a += q[(t * H + h) * D + e] * k[(u * H + h) * D + e]
          p[u] = a / 8
          m = Math.max(m, p[u])
        }
        for (let u = 0; u < T; u++) {
          p[u] = Math.exp(p[u] - m)
          z += p[u]
        }
        let er = 0
        for (let e = 0; e < D; e++) {
          let a = 0
          for (let u = 0; u < T; u++) a += p[u] * v[(u * H + h) * D + e]
          a /= z
          mx = Math.max(mx, Math.abs(a))
          er = Math.max(er, Math.abs(a - y[(t * H + h) * D + e]))
        }
        if (er > 1e-3) bad++
        worst = Math.max(worst, er)
      }
    console.log(
      `T=${T} ${ep}`.padEnd(16),
      'max abs err',
      worst.toExponential(2),
      'max|ref|',
      mx.toFixed(2),
      'rows off by >1e-3:',
      bad,
      'of',
      H * T,
    )
    await s.release()
  }
