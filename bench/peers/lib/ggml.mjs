// ggml through FFI (koffi) on the prebuilt libraries that node-llama-cpp ships; no build step.
import koffi from 'koffi'
import path from 'node:path'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import { S, inputs, transpose2, thdToHtd } from './data.mjs'
const require = createRequire(import.meta.url)
const root = require.resolve
  .paths('x')
  .map(p => path.join(p, '@node-llama-cpp/linux-x64-vulkan'))
  .find(p => fs.existsSync(p))
const dir = path.join(root, 'bins/linux-x64-vulkan')
const base = koffi.load(path.join(dir, 'libggml-base.so'))
const reg = koffi.load(
  path.join(
    dir,
    fs.readdirSync(dir).find(f => /^libggml\.vulkan/.test(f)),
  ),
)
koffi.struct('ggml_init_params', { mem_size: 'size_t', mem_buffer: 'void *', no_alloc: 'bool' })
const f = (s, l = base) => l.func(s)
const G = {
  init: f('void* ggml_init(ggml_init_params)'),
  free: f('void ggml_free(void*)'),
  t4: f('void* ggml_new_tensor_4d(void*, int, int64_t, int64_t, int64_t, int64_t)'),
  mulmat: f('void* ggml_mul_mat(void*, void*, void*)'),
  add: f('void* ggml_add(void*, void*, void*)'),
  mul: f('void* ggml_mul(void*, void*, void*)'),
  norm: f('void* ggml_norm(void*, void*, float)'),
  gelu: f('void* ggml_gelu_erf(void*, void*)'),
  fa: f('void* ggml_flash_attn_ext(void*, void*, void*, void*, void*, float, float, float)'),
  dw: f('void* ggml_conv_2d_dw_direct(void*, void*, void*, int, int, int, int, int, int)'),
  graph: f('void* ggml_new_graph(void*)'),
  expand: f('void ggml_build_forward_expand(void*, void*)'),
  alloc: f('void* ggml_backend_alloc_ctx_tensors(void*, void*)'),
  bfree: f('void ggml_backend_buffer_free(void*)'),
  set: f('void ggml_backend_tensor_set(void*, void*, size_t, size_t)'),
  get: f('void ggml_backend_tensor_get(void*, void*, size_t, size_t)'),
  compute: f('int ggml_backend_graph_compute(void*, void*)'),
  devinit: f('void* ggml_backend_dev_init(void*, void*)'),
  devname: f('const char* ggml_backend_dev_name(void*)'),
  devdesc: f('const char* ggml_backend_dev_description(void*)'),
  devreg: f('void* ggml_backend_dev_backend_reg(void*)'),
  proc: f('void* ggml_backend_reg_get_proc_address(void*, const char*)'),
  supports: f('bool ggml_backend_supports_op(void*, void*)'),
  loadall: f('void ggml_backend_load_all_from_path(const char*)', reg),
  ndev: f('size_t ggml_backend_dev_count()', reg),
  dev: f('void* ggml_backend_dev_get(size_t)', reg),
}
const setThreads = koffi.proto('void set_n_threads(void*, int)')
export function open(kind) {
  // 'CPU' or 'Vulkan'
  G.loadall(dir)
  const seen = []
  for (let i = 0; i < Number(G.ndev()); i++) {
    const d = G.dev(i),
      n = G.devname(d)
    seen.push(n)
    if (n.startsWith(kind)) {
      const b = G.devinit(d, null)
      if (kind === 'CPU') {
        const p = G.proc(G.devreg(d), 'ggml_backend_set_n_threads')
        koffi.decode(p, setThreads)(b, 2)
      }
      return { b, name: n, desc: G.devdesc(d) }
    }
  }
  throw new Error('no ggml device ' + kind + ' among ' + seen)
}
const size = a => BigInt(a.byteLength)
export function make(get) {
  const wl = build => async () => {
    const { b } = get(),
      ctx = G.init({ mem_size: 64n << 20n, mem_buffer: null, no_alloc: true }),
      sets = []
    const T = (data, ne, type = 0) => {
      const t = G.t4(ctx, type, ...[...ne, 1, 1, 1].slice(0, 4))
      sets.push([t, data])
      return t
    }
    const { out, n, post } = build(ctx, T),
      g = G.graph(ctx)
    if (!G.supports(b, out)) throw new Error('backend does not support the output op')
    G.expand(g, out)
    const bufp = G.alloc(ctx, b)
    if (!bufp) throw new Error('alloc failed')
    for (const [t, d] of sets) G.set(t, d, 0n, size(d))
    return {
      run: async () => {
        const s = G.compute(b, g)
        if (s !== 0) throw new Error('graph_compute status ' + s)
        G.get(out, new Float32Array(1), 0n, 4n)
      },
      read: async () => {
        const y = new Float32Array(n)
        G.get(out, y, 0n, size(y))
        return { y: post ? post(y) : y }
      },
      close: async () => {
        G.bfree(bufp)
        G.free(ctx)
      },
    }
  }
  return {
    matmul: wl((c, T) => {
      const I = inputs('matmul'),
        s = S.matmul
      return { out: G.mulmat(c, T(transpose2(I.b, s.K, s.N), [s.K, s.N]), T(I.a, [s.K, s.M])), n: s.M * s.N }
    }),
    attn: wl((c, T) => {
      const I = inputs('attn'),
        { H, T: t, D } = S.attn
      return {
        out: G.fa(c, T(I.q, [D, t, H]), T(I.k, [D, t, H]), T(I.v, [D, t, H]), null, 1 / Math.sqrt(D), 0, 0),
        n: H * t * D,
        post: y => thdToHtd(y),
      }
    }),
    dwconv: wl((c, T) => {
      const I = inputs('dwconv'),
        s = S.dwconv
      return {
        out: G.dw(c, T(I.w, [s.R, s.R, 1, s.C]), T(I.x, [s.W, s.H, s.C, 1]), 1, 1, s.pad, s.pad, 1, 1),
        n: s.C * s.H * s.W,
      }
    }),
    mlp: wl((c, T) => {
      const I = inputs('mlp'),
        { T: t, C, F, eps } = S.mlp
      const n = G.add(c, G.mul(c, G.norm(c, T(I.x, [C, t]), eps), T(I.g, [C])), T(I.be, [C]))
      const h = G.gelu(c, G.add(c, G.mulmat(c, T(transpose2(I.w1, C, F), [C, F]), n), T(I.b1, [F])))
      return { out: G.add(c, G.mulmat(c, T(transpose2(I.w2, F, C), [F, C]), h), T(I.b2, [C])), n: t * C }
    }),
  }
}
