// node lib/try.mjs <adapter> [workload...]: one adapter alone, with checks
import { ref, compare } from './ref.mjs'
import { WORKLOADS, FLOPS } from './data.mjs'
const [, , name, ...ws] = process.argv
const A = await import(name.includes('/') ? name : `../adapters/${name}.mjs`)
let t = performance.now()
await A.init?.()
console.log(name, 'init', (performance.now() - t).toFixed(0), 'ms', JSON.stringify(A.info))
for (const w of ws.length ? ws : WORKLOADS) {
  if (!A.workloads[w]) {
    console.log(w.padEnd(8), 'unsupported')
    continue
  }
  try {
    t = performance.now()
    const x = await A.workloads[w]()
    const ts = performance.now() - t
    t = performance.now()
    await x.run()
    const tf = performance.now() - t
    const r = []
    for (let i = 0; i < 5 && (i < 2 || r.reduce((a, b) => a + b, 0) < 20000); i++) {
      t = performance.now()
      await x.run()
      r.push(performance.now() - t)
    }
    r.sort((a, b) => a - b)
    const c = compare(ref(w, A.info.gelu), await x.read())
    await x.close?.()
    const m = r[r.length >> 1]
    console.log(
      w.padEnd(8),
      'setup',
      ts.toFixed(0),
      'first',
      tf.toFixed(0),
      'median',
      m.toFixed(1),
      'ms',
      (FLOPS[w] / m / 1e6).toFixed(2),
      'GFLOP/s',
      'err',
      c.worst.toExponential(2),
      c.worst < 1e-3 ? 'ok' : 'BAD ' + JSON.stringify(c.per),
      x.note ?? '',
    )
  } catch (e) {
    console.log(w.padEnd(8), 'ERR', String(e?.stack ?? e).slice(0, 500))
  }
}
process.exit(0)
