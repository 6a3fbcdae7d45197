// A minimal ONNX (protobuf) writer: enough to build the workload graphs with no Python.
const enc = new TextEncoder()
const varint = n => {
  const o = []
  let v = BigInt(n)
  if (v < 0n) v += 1n << 64n
  do {
    let b = Number(v & 127n)
    v >>= 7n
    if (v) b |= 128
    o.push(b)
  } while (v)
  return Uint8Array.from(o)
}
const cat = (...p) => {
  const n = p.reduce((s, x) => s + x.length, 0),
    o = new Uint8Array(n)
  let q = 0
  for (const x of p) {
    o.set(x, q)
    q += x.length
  }
  return o
}
const tag = (f, t) => varint((f << 3) | t)
const vi = (f, n) => cat(tag(f, 0), varint(n))
const by = (f, b) => cat(tag(f, 2), varint(b.length), b)
const st = (f, s) => by(f, enc.encode(s))
const f32 = (f, x) => {
  const b = new Uint8Array(4)
  new DataView(b.buffer).setFloat32(0, x, true)
  return cat(tag(f, 5), b)
}
const attr = (k, v) => {
  if (typeof v === 'object' && v?.float !== undefined) return by(5, cat(st(1, k), f32(2, v.float), vi(20, 1)))
  if (typeof v === 'string') return by(5, cat(st(1, k), st(4, v), vi(20, 3)))
  if (Array.isArray(v)) return by(5, cat(st(1, k), ...v.map(x => vi(8, x)), vi(20, 7)))
  return by(5, cat(st(1, k), vi(3, v), vi(20, 2)))
}
export const node = (op, ins, outs, attrs = {}, domain = '') =>
  cat(
    ...ins.map(i => st(1, i)),
    ...outs.map(o => st(2, o)),
    st(4, op),
    ...Object.entries(attrs).map(([k, v]) => attr(k, v)),
    ...(domain ? [st(7, domain)] : []),
  )
const vinfo = (name, dims, type = 1) =>
  cat(st(1, name), by(2, by(1, cat(vi(1, type), by(2, cat(...dims.map(d => by(1, vi(1, d)))))))))
const tensor = (name, dims, data) =>
  cat(
    ...dims.map(d => vi(1, d)),
    vi(2, 1),
    st(8, name),
    by(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  )
export function model({ nodes, inputs, outputs, init = [] }) {
  const g = cat(
    ...nodes.map(n => by(1, n)),
    st(2, 'g'),
    ...init.map(([n, d, a]) => by(5, tensor(n, d, a))),
    ...inputs.map(([n, d, t]) => by(11, vinfo(n, d, t))),
    ...outputs.map(([n, d, t]) => by(12, vinfo(n, d, t))),
  )
  return cat(vi(1, 8), by(7, g), by(8, cat(st(1, ''), vi(2, 20))), by(8, cat(st(1, 'com.microsoft'), vi(2, 1))))
}
import { S, inputs, htdToThd } from './data.mjs'
// mode: 'mha' = com.microsoft.MultiHeadAttention (fused), 'ops' = MatMul/Softmax/MatMul
export function graph(w, { attn = 'mha' } = {}) {
  const I = inputs(w),
    s = S[w]
  if (w === 'matmul')
    return {
      bytes: model({
        nodes: [node('MatMul', ['a', 'b'], ['y'])],
        inputs: [
          ['a', [s.M, s.K]],
          ['b', [s.K, s.N]],
        ],
        outputs: [['y', [s.M, s.N]]],
      }),
      feeds: { a: [I.a, [s.M, s.K]], b: [I.b, [s.K, s.N]] },
    }
  if (w === 'attn') {
    const { H, T, D } = s
    if (attn === 'mha') {
      const d = [1, T, H * D]
      return {
        layout: 'thd',
        bytes: model({
          nodes: [node('MultiHeadAttention', ['q', 'k', 'v'], ['y'], { num_heads: H }, 'com.microsoft')],
          inputs: ['q', 'k', 'v'].map(n => [n, d]),
          outputs: [['y', d]],
        }),
        feeds: Object.fromEntries(['q', 'k', 'v'].map(n => [n, [htdToThd(I[n]), d]])),
      }
    }
    const d = [H, T, D]
    return {
      layout: 'htd',
      bytes: model({
        nodes: [
          node('Transpose', ['k'], ['kt'], { perm: [0, 2, 1] }),
          node('MatMul', ['q', 'kt'], ['s']),
          node('Mul', ['s', 'c'], ['s2']),
          node('Softmax', ['s2'], ['p'], { axis: -1 }),
          node('MatMul', ['p', 'v'], ['y']),
        ],
        init: [['c', [1], Float32Array.of(1 / Math.sqrt(D))]],
        inputs: ['q', 'k', 'v'].map(n => [n, d]),
        outputs: [['y', d]],
      }),
      feeds: { q: [I.q, d], k: [I.k, d], v: [I.v, d] },
    }
  }
  if (w === 'dwconv') {
    const d = [1, s.C, s.H, s.W]
    return {
      bytes: model({
        nodes: [
          node('Conv', ['x', 'w'], ['y'], {
            group: s.C,
            kernel_shape: [s.R, s.R],
            pads: [3, 3, 3, 3],
            strides: [1, 1],
          }),
        ],
        init: [['w', [s.C, 1, s.R, s.R], I.w]],
        inputs: [['x', d]],
        outputs: [['y', d]],
      }),
      feeds: { x: [I.x, d] },
    }
  }
  if (w === 'mlp') {
    const { T, C, F } = s
    return {
      bytes: model({
        nodes: [
          node('LayerNormalization', ['x', 'g', 'be'], ['n'], { axis: -1, epsilon: { float: s.eps } }),
          node('MatMul', ['n', 'w1'], ['h0']),
          node('Add', ['h0', 'b1'], ['h1']),
          node('Gelu', ['h1'], ['h']),
          node('MatMul', ['h', 'w2'], ['y0']),
          node('Add', ['y0', 'b2'], ['y']),
        ],
        init: [
          ['g', [C], I.g],
          ['be', [C], I.be],
          ['w1', [C, F], I.w1],
          ['b1', [F], I.b1],
          ['w2', [F, C], I.w2],
          ['b2', [C], I.b2],
        ],
        inputs: [['x', [T, C]]],
        outputs: [['y', [T, C]]],
      }),
      feeds: { x: [I.x, [T, C]] },
    }
  }
}
