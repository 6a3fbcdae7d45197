// How many dispatches and submits does one run of a workload take? node dispatch-count.mjs jax-webgpu [work...]
await import('./lib/gpu.mjs')
let d = 0,
  s = 0
const P = GPUComputePassEncoder.prototype,
  o = P.dispatchWorkgroups
P.dispatchWorkgroups = function (...a) {
  d++
  return o.apply(this, a)
}
const Q = GPUQueue.prototype,
  q = Q.submit
Q.submit = function (...a) {
  s++
  return q.apply(this, a)
}
const [, , name, ...ws] = process.argv,
  A = await import(`./adapters/${name}.mjs`)
await A.init()
for (const w of ws.length ? ws : Object.keys(A.workloads)) {
  const x = await A.workloads[w]()
  await x.run()
  d = s = 0
  await x.run()
  console.log(name, w, 'dispatches', d, 'submits', s)
  await x.close?.()
}
process.exit(0)
