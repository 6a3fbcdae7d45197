import { S, inputs, htdToThd, thdToHtd } from '../lib/data.mjs'
export function make(j) {
  const { numpy: np, nn, lax, jit, valueAndGrad, blockUntilReady } = j
  const arr = (d, shape) => np.array(d, { shape, dtype: np.float32 })
  const mlpf = (x, g, be, w1, b1, w2, b2) => {
    const m = np.mean(x.ref, -1, { keepdims: true })
    const c = x.sub(m)
    const v = np.mean(c.ref.mul(c.ref), -1, { keepdims: true })
    const n = c
      .div(np.sqrt(v.add(S.mlp.eps)))
      .mul(g)
      .add(be)
    const h = nn.gelu(np.matmul(n, w1).add(b1), { approximate: false })
    return np.matmul(h, w2).add(b2)
  }
  const mk = (fn, ins, names, post) => async () => {
    const f = jit(fn)
    let last = []
    return {
      run: async () => {
        for (const o of last) o.dispose()
        const r = f(...ins.map(i => i.ref))
        last = Array.isArray(r) ? r : [r]
        await blockUntilReady(last)
      },
      read: async () => {
        const o = {}
        for (let i = 0; i < last.length; i++) {
          const d = await last[i].ref.data()
          o[names[i]] = post ? post(d) : d
        }
        return o
      },
      close: async () => {
        for (const o of last) o.dispose()
        last = []
        for (const i of ins) i.dispose()
      },
    }
  }
  return {
    matmul: async () => {
      const I = inputs('matmul'),
        s = S.matmul
      return mk((a, b) => np.matmul(a, b), [arr(I.a, [s.M, s.K]), arr(I.b, [s.K, s.N])], ['y'])()
    },
    attn: async () => {
      const I = inputs('attn'),
        { H, T, D } = S.attn
      const a = ['q', 'k', 'v'].map(n => arr(htdToThd(I[n]), [T, H, D]))
      return mk(
        (q, k, v) => nn.dotProductAttention(q, k, v),
        a,
        ['y'],
        d => thdToHtd(d),
      )()
    },
    dwconv: async () => {
      const I = inputs('dwconv'),
        s = S.dwconv
      return mk(
        (x, w) =>
          lax.convGeneralDilated(
            x,
            w,
            [1, 1],
            [
              [3, 3],
              [3, 3],
            ],
            { featureGroupCount: s.C },
          ),
        [arr(I.x, [1, s.C, s.H, s.W]), arr(I.w, [s.C, 1, s.R, s.R])],
        ['y'],
      )()
    },
    mlp: async () => {
      const I = inputs('mlp'),
        { T, C, F } = S.mlp
      return mk(
        mlpf,
        [
          arr(I.x, [T, C]),
          arr(I.g, [C]),
          arr(I.be, [C]),
          arr(I.w1, [C, F]),
          arr(I.b1, [F]),
          arr(I.w2, [F, C]),
          arr(I.b2, [C]),
        ],
        ['y'],
      )()
    },
    mlpgrad: async () => {
      const I = inputs('mlp'),
        { T, C, F } = S.mlp
      const loss = (x, g, be, w1, b1, w2, b2, G) => np.sum(mlpf(x, g, be, w1, b1, w2, b2).mul(G))
      const vg = valueAndGrad(loss, { argnums: [0, 1, 2, 3, 4, 5, 6] })
      const fn = (...a) => {
        const [l, g] = vg(...a)
        return [l, ...g]
      }
      return mk(
        fn,
        [
          arr(I.x, [T, C]),
          arr(I.g, [C]),
          arr(I.be, [C]),
          arr(I.w1, [C, F]),
          arr(I.b1, [F]),
          arr(I.w2, [F, C]),
          arr(I.b2, [C]),
          arr(I.G, [T, C]),
        ],
        ['loss', 'dx', 'dg', 'dbe', 'dw1', 'db1', 'dw2', 'db2'],
      )()
    },
  }
}
