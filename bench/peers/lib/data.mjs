// Workload shapes, seeded data and float64 references (sampled). No dependency on any peer.
export const S = {
  matmul: { M: 1024, K: 1024, N: 1024 },
  attn: { H: 16, T: 577, D: 64 },
  dwconv: { C: 192, H: 192, W: 192, R: 7, pad: 3 },
  mlp: { T: 577, C: 1024, F: 4096, eps: 1e-5 },
}
export const FLOPS = {
  matmul: 2 * 1024 ** 3,
  attn: 2 * 2 * 16 * 577 * 577 * 64,
  dwconv: 2 * 192 * 192 * 192 * 49,
  mlp: 2 * 2 * 577 * 1024 * 4096,
  mlpgrad: 3 * 2 * 2 * 577 * 1024 * 4096,
}
export const WORKLOADS = ['matmul', 'attn', 'dwconv', 'mlp', 'mlpgrad']

export function rng(seed) {
  // mulberry32
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
function fill(n, seed, scale, off = 0) {
  const r = rng(seed),
    o = new Float32Array(n)
  for (let i = 0; i < n; i++) o[i] = (r() - 0.5) * 2 * scale + off
  return o
}
const memo = {}
export function inputs(w) {
  if (w === 'mlpgrad') w = 'mlp'
  if (memo[w]) return memo[w]
  const s = S[w]
  if (w === 'matmul') return (memo[w] = { a: fill(s.M * s.K, 1, 0.5), b: fill(s.K * s.N, 2, 0.5) })
  if (w === 'attn') {
    const n = s.H * s.T * s.D // layout [H,T,D]
    return (memo[w] = { q: fill(n, 3, 1.7), k: fill(n, 4, 1.7), v: fill(n, 5, 1) })
  }
  if (w === 'dwconv') return (memo[w] = { x: fill(s.C * s.H * s.W, 6, 1), w: fill(s.C * s.R * s.R, 7, 0.2) })
  if (w === 'mlp')
    return (memo[w] = {
      x: fill(s.T * s.C, 8, 1, 0.1),
      g: fill(s.C, 9, 0.3, 1),
      be: fill(s.C, 10, 0.2),
      w1: fill(s.C * s.F, 11, 0.05),
      b1: fill(s.F, 12, 0.1),
      w2: fill(s.F * s.C, 13, 0.03),
      b2: fill(s.C, 14, 0.1),
      G: fill(s.T * s.C, 15, 1),
    })
}
// [H,T,D] -> [T,H,D]
export function htdToThd(a, { H, T, D } = S.attn) {
  const o = new Float32Array(a.length)
  for (let h = 0; h < H; h++)
    for (let t = 0; t < T; t++) for (let d = 0; d < D; d++) o[(t * H + h) * D + d] = a[(h * T + t) * D + d]
  return o
}
export function thdToHtd(a, { H, T, D } = S.attn) {
  const o = new Float32Array(a.length)
  for (let h = 0; h < H; h++)
    for (let t = 0; t < T; t++) for (let d = 0; d < D; d++) o[(h * T + t) * D + d] = a[(t * H + h) * D + d]
  return o
}
export function chwToHwc(a, C, HW) {
  const o = new Float32Array(a.length)
  for (let c = 0; c < C; c++) for (let p = 0; p < HW; p++) o[p * C + c] = a[c * HW + p]
  return o
}
export function hwcToChw(a, C, HW) {
  const o = new Float32Array(a.length)
  for (let c = 0; c < C; c++) for (let p = 0; p < HW; p++) o[c * HW + p] = a[p * C + c]
  return o
}
export function transpose2(a, R, C) {
  const o = new Float32Array(a.length)
  for (let r = 0; r < R; r++) for (let c = 0; c < C; c++) o[c * R + r] = a[r * C + c]
  return o
}

// erf to double precision (W. J. Cody style split: series below 2, continued fraction above)
export function erf(x) {
  const s = x < 0 ? -1 : 1
  x = Math.abs(x)
  if (x > 6) return s
  if (x < 2.2) {
    let t = x,
      sum = x
    for (let n = 1; n < 80; n++) {
      t *= (-x * x) / n
      const d = t / (2 * n + 1)
      sum += d
      if (Math.abs(d) < 1e-17) break
    }
    return ((s * 2) / Math.sqrt(Math.PI)) * sum
  }
  let f = 0
  for (let n = 60; n >= 1; n--) f = n / 2 / (x + f)
  return s * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + f))
}
const C0 = Math.sqrt(2 / Math.PI)
export function gelu(x, kind) {
  return kind === 'tanh' ? 0.5 * x * (1 + Math.tanh(C0 * (x + 0.044715 * x ** 3))) : 0.5 * x * (1 + erf(x / Math.SQRT2))
}
export function dgelu(x, kind) {
  if (kind === 'tanh') {
    const u = C0 * (x + 0.044715 * x ** 3),
      t = Math.tanh(u)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * C0 * (1 + 3 * 0.044715 * x * x)
  }
  return 0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)
}

// ---- sampled float64 references: { name: { idx:[...], val:[...] } }
export function reference(w, kind = 'erf') {
  const I = inputs(w),
    r = rng(777),
    ri = n => Math.floor(r() * n)
  if (w === 'matmul') {
    const { M, K, N } = S.matmul,
      idx = [],
      val = []
    for (let q = 0; q < 200; q++) {
      const i = ri(M),
        j = ri(N)
      let s = 0
      for (let k = 0; k < K; k++) s += I.a[i * K + k] * I.b[k * N + j]
      idx.push(i * N + j)
      val.push(s)
    }
    return { y: { idx, val } }
  }
  if (w === 'attn') {
    // y in [H,T,D]
    const { H, T, D } = S.attn,
      idx = [],
      val = []
    for (let q = 0; q < 24; q++) {
      const h = ri(H),
        t = q < 2 ? T - 1 - q : ri(T),
        p = new Float64Array(T)
      let m = -1e300,
        z = 0
      for (let u = 0; u < T; u++) {
        let s = 0
        for (let d = 0; d < D; d++) s += I.q[(h * T + t) * D + d] * I.k[(h * T + u) * D + d]
        p[u] = s / Math.sqrt(D)
        m = Math.max(m, p[u])
      }
      for (let u = 0; u < T; u++) {
        p[u] = Math.exp(p[u] - m)
        z += p[u]
      }
      for (let d = 0; d < D; d++) {
        let s = 0
        for (let u = 0; u < T; u++) s += p[u] * I.v[(h * T + u) * D + d]
        idx.push((h * T + t) * D + d)
        val.push(s / z)
      }
    }
    return { y: { idx, val } }
  }
  if (w === 'dwconv') {
    // y in CHW
    const { C, H, W, R, pad } = S.dwconv,
      idx = [],
      val = []
    for (let q = 0; q < 400; q++) {
      const c = ri(C),
        y = q % 5 === 0 ? (q % 2 ? 0 : H - 1) : ri(H),
        x = q % 7 === 0 ? 0 : ri(W)
      let s = 0
      for (let i = 0; i < R; i++)
        for (let j = 0; j < R; j++) {
          const yy = y + i - pad,
            xx = x + j - pad
          if (yy >= 0 && yy < H && xx >= 0 && xx < W) s += I.x[(c * H + yy) * W + xx] * I.w[(c * R + i) * R + j]
        }
      idx.push((c * H + y) * W + x)
      val.push(s)
    }
    return { y: { idx, val } }
  }
  const { T, C, F, eps } = S.mlp
  const xh = new Float64Array(T * C),
    n = new Float64Array(T * C),
    is = new Float64Array(T)
  for (let t = 0; t < T; t++) {
    let m = 0,
      v = 0
    for (let c = 0; c < C; c++) m += I.x[t * C + c]
    m /= C
    for (let c = 0; c < C; c++) v += (I.x[t * C + c] - m) ** 2
    v /= C
    is[t] = 1 / Math.sqrt(v + eps)
    for (let c = 0; c < C; c++) {
      xh[t * C + c] = (I.x[t * C + c] - m) * is[t]
      n[t * C + c] = xh[t * C + c] * I.g[c] + I.be[c]
    }
  }
  const row = (t, pre) => {
    for (let f = 0; f < F; f++) pre[f] = I.b1[f]
    for (let c = 0; c < C; c++) {
      const a = n[t * C + c],
        o = c * F
      for (let f = 0; f < F; f++) pre[f] += a * I.w1[o + f]
    }
  }
  if (w === 'mlp') {
    const idx = [],
      val = [],
      pre = new Float64Array(F),
      y = new Float64Array(C)
    for (const t of [0, 100, 333, T - 1]) {
      row(t, pre)
      for (let c = 0; c < C; c++) y[c] = I.b2[c]
      for (let f = 0; f < F; f++) {
        const a = gelu(pre[f], kind),
          o = f * C
        for (let c = 0; c < C; c++) y[c] += a * I.w2[o + c]
      }
      for (let c = 0; c < C; c += 3) {
        idx.push(t * C + c)
        val.push(y[c])
      }
    }
    return { y: { idx, val } }
  }
  // mlpgrad: loss = sum(y*G)
  const h = new Float64Array(T * F),
    dp = new Float64Array(T * F),
    w2t = transpose2(I.w2, F, C) // [C,F]
  for (let t = 0; t < T; t++) {
    const pre = new Float64Array(F),
      dh = new Float64Array(F)
    row(t, pre)
    for (let c = 0; c < C; c++) {
      const a = I.G[t * C + c],
        o = c * F
      for (let f = 0; f < F; f++) dh[f] += a * w2t[o + f]
    }
    for (let f = 0; f < F; f++) {
      h[t * F + f] = gelu(pre[f], kind)
      dp[t * F + f] = dh[f] * dgelu(pre[f], kind)
    }
  }
  const out = {}
  const smp = (name, size, k, fn) => {
    const idx = [],
      val = []
    for (let q = 0; q < k; q++) {
      const i = ri(size)
      idx.push(i)
      val.push(fn(i))
    }
    out[name] = { idx, val }
  }
  smp('dw2', F * C, 200, i => {
    const f = (i / C) | 0,
      c = i % C
    let s = 0
    for (let t = 0; t < T; t++) s += h[t * F + f] * I.G[t * C + c]
    return s
  })
  smp('db2', C, 40, c => {
    let s = 0
    for (let t = 0; t < T; t++) s += I.G[t * C + c]
    return s
  })
  smp('dw1', C * F, 200, i => {
    const c = (i / F) | 0,
      f = i % F
    let s = 0
    for (let t = 0; t < T; t++) s += n[t * C + c] * dp[t * F + f]
    return s
  })
  smp('db1', F, 40, f => {
    let s = 0
    for (let t = 0; t < T; t++) s += dp[t * F + f]
    return s
  })
  const dn = (t, c) => {
    let s = 0
    for (let f = 0; f < F; f++) s += dp[t * F + f] * I.w1[c * F + f]
    return s
  }
  smp('dg', C, 10, c => {
    let s = 0
    for (let t = 0; t < T; t++) s += dn(t, c) * xh[t * C + c]
    return s
  })
  smp('dbe', C, 10, c => {
    let s = 0
    for (let t = 0; t < T; t++) s += dn(t, c)
    return s
  })
  {
    const idx = [],
      val = []
    for (const t of [0, 300, T - 1]) {
      const d = new Float64Array(C)
      let m1 = 0,
        m2 = 0
      for (let c = 0; c < C; c++) {
        d[c] = dn(t, c) * I.g[c]
        m1 += d[c]
        m2 += d[c] * xh[t * C + c]
      }
      m1 /= C
      m2 /= C
      for (let c = 0; c < C; c += 9) {
        idx.push(t * C + c)
        val.push(is[t] * (d[c] - m1 - xh[t * C + c] * m2))
      }
    }
    out.dx = { idx, val }
  }
  return out
}
