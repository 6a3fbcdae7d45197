// runs inside the browser page: window.__bench(adapterModule, refs, workloads, rounds)
import { compare } from './compare.mjs'
import { FLOPS } from './data.mjs'
export function install(adapters) {
  window.__bench = async (name, refs, works, rounds) => {
    const rows = []
    let A
    try {
      A = await adapters[name]()
      const t = performance.now()
      await A.init?.()
      rows.push({ peer: name, init: performance.now() - t })
    } catch (e) {
      return [{ peer: name, err: 'init: ' + String(e?.stack ?? e).slice(0, 300) }]
    }
    for (const w of works) {
      if (!A.workloads[w]) continue
      const row = { peer: name, w }
      rows.push(row)
      try {
        let t = performance.now()
        const x = await A.workloads[w]()
        await x.run()
        row.first = performance.now() - t
        await x.run()
        const r = []
        for (let i = 0; i < rounds; i++) {
          t = performance.now()
          await x.run()
          r.push(performance.now() - t)
          if (i >= 2 && r.reduce((a, b) => a + b) > 40000) break
        }
        r.sort((a, b) => a - b)
        row.median = r[r.length >> 1]
        row.n = r.length
        row.gflops = FLOPS[w] / row.median / 1e6
        row.err_rel = compare(refs[w], await x.read()).worst
        await x.close?.()
      } catch (e) {
        row.err = String(e?.stack ?? e).slice(0, 300)
      }
    }
    return rows
  }
}
