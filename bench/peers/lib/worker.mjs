// One adapter in its own process; commands come over IPC so that the driver can interleave the peers.
import { ref, compare } from './ref.mjs'
const spec = process.argv[2]
let A
const live = {}
// the driver may be killed
process.on('disconnect', () => process.exit(0))
const reply = m => process.send(m)
process.on('message', async m => {
  try {
    if (m.cmd === 'init') {
      const t = performance.now()
      A = await import(spec.includes('/') ? spec : `../adapters/${spec}.mjs`)
      await A.init?.()
      return reply({ ok: 1, ms: performance.now() - t, info: A.info, workloads: Object.keys(A.workloads) })
    }
    if (m.cmd === 'setup') {
      const t = performance.now()
      live[m.w] = await A.workloads[m.w]()
      return reply({ ok: 1, ms: performance.now() - t })
    }
    if (m.cmd === 'run') {
      const t = performance.now()
      await live[m.w].run()
      return reply({ ok: 1, ms: performance.now() - t })
    }
    if (m.cmd === 'check') {
      const c = compare(ref(m.w, A.info.gelu ?? 'erf'), await live[m.w].read())
      return reply({ ok: 1, ...c })
    }
    if (m.cmd === 'close') {
      await live[m.w]?.close?.()
      delete live[m.w]
      return reply({ ok: 1 })
    }
    if (m.cmd === 'exit') process.exit(0)
  } catch (e) {
    reply({ err: String(e?.stack ?? e).slice(0, 600) })
  }
})
