import { S, inputs, chwToHwc, hwcToChw, transpose2 } from '../lib/data.mjs'
export function make(tf, sync) {
  const mk = (fn, names, post) => async () => {
    let last = []
    return {
      run: async () => {
        tf.dispose(last)
        const r = tf.tidy(fn)
        last = Array.isArray(r) ? r : [r]
        await sync(last)
      },
      read: async () => {
        const o = {}
        for (let i = 0; i < last.length; i++) {
          const d = await last[i].data()
          o[names[i]] = post ? post(d) : d
        }
        return o
      },
      close: async () => tf.dispose(last),
    }
  }
  const T2 = (d, s) => tf.tensor(d, s, 'float32')
  const f = (x, g, be, w1, b1, w2, b2) => {
    const { mean, variance } = tf.moments(x, -1, true)
    const n = tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, S.mlp.eps))), g), be)
    const p = tf.add(tf.matMul(n, w1), b1)
    const h = tf.mul(tf.mul(p, 0.5), tf.add(tf.erf(tf.mul(p, Math.SQRT1_2)), 1))
    return tf.add(tf.matMul(h, w2), b2)
  }
  const mlpIn = () => {
    const I = inputs('mlp'),
      { T, C, F } = S.mlp
    return [
      T2(I.x, [T, C]),
      T2(I.g, [C]),
      T2(I.be, [C]),
      T2(I.w1, [C, F]),
      T2(I.b1, [F]),
      T2(I.w2, [F, C]),
      T2(I.b2, [C]),
    ]
  }
  return {
    matmul: async () => {
      const I = inputs('matmul'),
        s = S.matmul,
        a = T2(I.a, [s.M, s.K]),
        b = T2(I.b, [s.K, s.N])
      return mk(() => tf.matMul(a, b), ['y'])()
    },
    attn: async () => {
      const I = inputs('attn'),
        { H, T, D } = S.attn,
        [q, k, v] = ['q', 'k', 'v'].map(n => T2(I[n], [H, T, D]))
      return mk(() => tf.matMul(tf.softmax(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(D))), v), ['y'])()
    },
    dwconv: async () => {
      const I = inputs('dwconv'),
        s = S.dwconv,
        x = T2(chwToHwc(I.x, s.C, s.H * s.W), [1, s.H, s.W, s.C]),
        w = T2(transpose2(I.w, s.C, s.R * s.R), [s.R, s.R, s.C, 1])
      return mk(
        () => tf.depthwiseConv2d(x, w, 1, 'same', 'NHWC'),
        ['y'],
        d => hwcToChw(d, s.C, s.H * s.W),
      )()
    },
    mlp: async () => {
      const a = mlpIn()
      return mk(() => f(...a), ['y'])()
    },
    mlpgrad: async () => {
      const a = mlpIn(),
        G = T2(inputs('mlp').G, [S.mlp.T, S.mlp.C])
      const vg = tf.valueAndGrads((...p) => tf.sum(tf.mul(f(...p), G)))
      return mk(() => {
        const r = vg(a)
        return [r.value, ...r.grads]
      }, ['loss', 'dx', 'dg', 'dbe', 'dw1', 'db1', 'dw2', 'db2'])()
    },
  }
}
