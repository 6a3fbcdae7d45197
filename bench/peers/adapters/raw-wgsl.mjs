// Hand-written WGSL, no library: the floor that a compiler should reach on this adapter. Tuned for wide CPU "GPUs"
// (no shared memory, register tiles, contiguous vec4 columns across lanes).
import { gpu } from '../lib/gpu.mjs'
import { S, inputs } from '../lib/data.mjs'
export const info = { device: 'WebGPU (Dawn)', pkg: 'webgpu', gelu: 'erf' }
let dev
export const init = async () => {
  const a = await gpu.requestAdapter()
  dev = await a.requestDevice({
    requiredLimits: {
      maxStorageBufferBindingSize: a.limits.maxStorageBufferBindingSize,
      maxBufferSize: a.limits.maxBufferSize,
    },
  })
}
const U = () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
const buf = x => {
  const b = dev.createBuffer({ size: typeof x === 'number' ? x * 4 : x.byteLength, usage: U() })
  if (typeof x !== 'number') dev.queue.writeBuffer(b, 0, x)
  return b
}
async function kern(code, bufs, grid) {
  const p = await dev.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: dev.createShaderModule({ code }), entryPoint: 'main' },
  })
  return {
    p,
    g: dev.createBindGroup({
      layout: p.getBindGroupLayout(0),
      entries: bufs.map((b, i) => ({ binding: i, resource: { buffer: b } })),
    }),
    grid,
  }
}
const plan = (mk, out) => async () => {
  let ks
  return {
    run: async () => {
      ks ??= await mk()
      const e = dev.createCommandEncoder(),
        q = e.beginComputePass()
      for (const k of ks.ks) {
        q.setPipeline(k.p)
        q.setBindGroup(0, k.g)
        q.dispatchWorkgroups(...k.grid)
      }
      q.end()
      dev.queue.submit([e.finish()])
      await dev.queue.onSubmittedWorkDone()
    },
    read: async () => {
      const n = ks.y.size,
        r = dev.createBuffer({ size: n, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST }),
        e = dev.createCommandEncoder()
      e.copyBufferToBuffer(ks.y, 0, r, 0, n)
      dev.queue.submit([e.finish()])
      await r.mapAsync(GPUMapMode.READ)
      const o = new Float32Array(r.getMappedRange().slice(0))
      r.destroy()
      return { y: o }
    },
  }
}
const B = (i, n, t = 'f32', rw = 'read') => `@group(0) @binding(${i}) var<storage,${rw}> ${n}:array<${t}>;`
// C[M,N] = epi(A[M,K] x B[K,N]); TM rows x 4 columns a thread, WX lanes along N
function mm(M, K, N, { TM = 8, WX = 8, bias = false, gelu = false } = {}) {
  const R = [...Array(TM).keys()],
    guard = M % TM !== 0
  return {
    code: `${B(0, 'A')}${B(1, 'Bm', 'vec4f')}${B(2, 'C', 'vec4f', 'read_write')}${bias ? B(3, 'bi', 'vec4f') : ''}
fn erf4(x:vec4f)->vec4f{ let a=abs(x); let t=1.0/(1.0+0.3275911*a); let p=((((1.061405429*t-1.453152027)*t+1.421413741)*t-0.284496736)*t+0.254829592)*t; return sign(x)*(1.0-p*exp(-a*a)); }
fn epi(v:vec4f,c:u32)->vec4f{ ${bias ? 'let z=v+bi[c];' : 'let z=v;'} ${gelu ? 'return 0.5*z*(1.0+erf4(z*0.70710678));' : 'return z;'} }
@compute @workgroup_size(${WX},1) fn main(@builtin(global_invocation_id) g:vec3u){
 let r=g.y*${TM}u; ${R.map(i => `var c${i}=vec4f(0); let o${i}=${guard ? `min(r+${i}u,${M - 1}u)` : `(r+${i}u)`}*${K}u;`).join('')}
 for(var k=0u;k<${K}u;k++){ let b=Bm[k*${N / 4}u+g.x]; ${R.map(i => `c${i}=fma(vec4f(A[o${i}+k]),b,c${i});`).join('')} }
 ${R.map(i => `${guard ? `if(r+${i}u<${M}u)` : ''}{C[(r+${i}u)*${N / 4}u+g.x]=epi(c${i},g.x);}`).join('')} }`,
    grid: [N / 4 / WX, Math.ceil(M / TM), 1],
  }
}
export const workloads = {
  matmul: async () => {
    const { M, K, N } = S.matmul,
      I = inputs('matmul'),
      a = buf(I.a),
      b = buf(I.b),
      y = buf(M * N),
      k = mm(M, K, N)
    return plan(async () => ({ ks: [await kern(k.code, [a, b, y], k.grid)], y }))()
  },
  attn: async () => {
    const { H, T, D } = S.attn,
      I = inputs('attn'),
      q = buf(I.q),
      k = buf(I.k),
      v = buf(I.v),
      p = buf(H * T * T),
      z = buf(H * T),
      y = buf(H * T * D),
      D4 = D / 4,
      TI = 4,
      R = [...Array(TI).keys()]
    const qk = `${B(0, 'q', 'vec4f')}${B(1, 'k', 'vec4f')}${B(2, 'p', 'f32', 'read_write')}
@compute @workgroup_size(8,1) fn main(@builtin(global_invocation_id) g:vec3u){ let j=min(g.x,${T - 1}u); let i0=g.y*${TI}u; let h=g.z*${T * D4}u; ${R.map(i => `var s${i}=vec4f(0); let o${i}=h+min(i0+${i}u,${T - 1}u)*${D4}u;`).join('')}
for(var d=0u;d<${D4}u;d++){ let b=k[h+j*${D4}u+d]; ${R.map(i => `s${i}=fma(q[o${i}+d],b,s${i});`).join('')} }
if(g.x<${T}u){ ${R.map(i => `if(i0+${i}u<${T}u){p[g.z*${T * T}u+(i0+${i}u)*${T}u+j]=dot(s${i},vec4f(${1 / Math.sqrt(D)}));}`).join('')} } }`
    const sm = `${B(0, 'p', 'f32', 'read_write')}${B(1, 'z', 'f32', 'read_write')}
@compute @workgroup_size(8) fn main(@builtin(global_invocation_id) g:vec3u){ if(g.x>=${H * T}u){return;} let o=g.x*${T}u; var m=p[o]; for(var i=1u;i<${T}u;i++){m=max(m,p[o+i]);} var s=0.0; for(var i=0u;i<${T}u;i++){let e=exp(p[o+i]-m); p[o+i]=e; s+=e;} z[g.x]=1.0/s; }`
    const pv = `${B(0, 'p')}${B(1, 'v', 'vec4f')}${B(2, 'z')}${B(3, 'y', 'vec4f', 'read_write')}
@compute @workgroup_size(8,1) fn main(@builtin(global_invocation_id) g:vec3u){ let i0=g.y*8u; let h=g.z; ${[0, 1, 2, 3, 4, 5, 6, 7].map(i => `var s${i}=vec4f(0); let r${i}=h*${T}u+min(i0+${i}u,${T - 1}u); let o${i}=r${i}*${T}u;`).join('')}
for(var t=0u;t<${T}u;t++){ let b=v[(h*${T}u+t)*${D4}u+g.x]; ${[0, 1, 2, 3, 4, 5, 6, 7].map(i => `s${i}=fma(vec4f(p[o${i}+t]),b,s${i});`).join('')} }
${[0, 1, 2, 3, 4, 5, 6, 7].map(i => `if(i0+${i}u<${T}u){y[r${i}*${D4}u+g.x]=s${i}*z[r${i}];}`).join('')} }`
    return plan(async () => ({
      ks: [
        await kern(qk, [q, k, p], [Math.ceil(T / 8), Math.ceil(T / TI), H]),
        await kern(sm, [p, z], [Math.ceil((H * T) / 8), 1, 1]),
        await kern(pv, [p, v, z, y], [D4 / 8, Math.ceil(T / 8), H]),
      ],
      y,
    }))()
  },
  dwconv: async () => {
    const { C, H, W, R, pad } = S.dwconv,
      I = inputs('dwconv'),
      x = buf(I.x),
      w = buf(I.w),
      y = buf(C * H * W),
      TY = 8
    // one thread: TY output rows at one column; lanes along x
    const code = `${B(0, 'x')}${B(1, 'w')}${B(2, 'y', 'f32', 'read_write')}
@compute @workgroup_size(8,1) fn main(@builtin(global_invocation_id) g:vec3u){ let y0=i32(g.y*${TY}u)-${pad}; let c=g.z; ${[...Array(TY).keys()].map(i => `var s${i}=0.0;`).join('')}
for(var j=0;j<${R};j++){ let xx=i32(g.x)+j-${pad}; let okx=xx>=0&&xx<${W}; let xc=clamp(xx,0,${W - 1}); ${[...Array(R).keys()].map(i => `let w${i}=w[i32(c)*${R * R}+${i * R}+j];`).join('')}
${[...Array(TY + R - 1).keys()]
  .map(
    r =>
      `{let yy=y0+${r}; let v=select(0.0,x[(i32(c)*${H}+clamp(yy,0,${H - 1}))*${W}+xc],okx&&yy>=0&&yy<${H}); ${[
        ...Array(TY).keys(),
      ]
        .filter(o => r - o >= 0 && r - o < R)
        .map(o => `s${o}=fma(v,w${r - o},s${o});`)
        .join('')}}`,
  )
  .join('\n')} }
${[...Array(TY).keys()].map(i => `y[(c*${H}u+g.y*${TY}u+${i}u)*${W}u+g.x]=s${i};`).join('')} }`
    return plan(async () => ({ ks: [await kern(code, [x, w, y], [W / 8, H / TY, C])], y }))()
  },
  mlp: async () => {
    const { T, C, F, eps } = S.mlp,
      I = inputs('mlp'),
      b = Object.fromEntries(Object.entries(I).map(([k, v]) => [k, buf(v)])),
      n = buf(T * C),
      h = buf(T * F),
      y = buf(T * C),
      C4 = C / 4
    const ln = `${B(0, 'x', 'vec4f')}${B(1, 'g', 'vec4f')}${B(2, 'b', 'vec4f')}${B(3, 'n', 'vec4f', 'read_write')}
@compute @workgroup_size(8) fn main(@builtin(global_invocation_id) i:vec3u){ if(i.x>=${T}u){return;} let o=i.x*${C4}u; var s=vec4f(0); for(var c=0u;c<${C4}u;c++){s+=x[o+c];} let m=dot(s,vec4f(${1 / C})); var q=vec4f(0); for(var c=0u;c<${C4}u;c++){let d=x[o+c]-m;q=fma(d,d,q);} let r=inverseSqrt(dot(q,vec4f(${1 / C}))+${eps}); for(var c=0u;c<${C4}u;c++){n[o+c]=(x[o+c]-m)*r*g[c]+b[c];} }`
    const m1 = mm(T, C, F, { bias: true, gelu: true }),
      m2 = mm(T, F, C, { bias: true })
    return plan(async () => ({
      ks: [
        await kern(ln, [b.x, b.g, b.be, n], [Math.ceil(T / 8), 1, 1]),
        await kern(m1.code, [n, b.w1, h, b.b1], m1.grid),
        await kern(m2.code, [h, b.w2, y, b.b2], m2.grid),
      ],
      y,
    }))()
  },
}
