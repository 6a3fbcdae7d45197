// node run.mjs [--peers a,b] [--work matmul,attn,...] [--rounds 7] [--ours ./path/adapter.mjs] [--out results.json] [--cold]
// Each peer runs in its own process; the timed repeats are interleaved round-robin, so shared-machine noise hits all alike.
import { fork } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { WORKLOADS, FLOPS } from './lib/data.mjs'
import { ref } from './lib/ref.mjs'
const arg = (k, d) => {
  const i = process.argv.indexOf('--' + k)
  return i < 0 ? d : (process.argv[i + 1] ?? true)
}
const has = k => process.argv.includes('--' + k)
let peers = arg('peers', 'raw-wgsl,jax-webgpu,tfjs-webgpu,ort-node-webgpu,ort-node-cpu').split(',').filter(Boolean)
const ours = arg('ours', '')
if (ours) peers.unshift(path.resolve(ours))
const work = arg('work', WORKLOADS.join(',')).split(','),
  rounds = +arg('rounds', 7),
  budget = +arg('budget', 60) * 1000,
  callLimit = +arg('limit', 240) * 1000
const baseName = arg('base', ours ? path.resolve(ours) : 'raw-wgsl')
const env = { ...process.env }
let cache
if (has('cold')) {
  cache = fs.mkdtempSync(path.join(os.tmpdir(), 'mesa-cold-'))
  env.MESA_SHADER_CACHE_DIR = cache
}
const short = p => (p.includes('/') ? 'ours' : p)
for (const w of work) ref(w, 'erf')
const P = {}
const call = (p, m) =>
  new Promise(ok => {
    const c = P[p]
    if (!c || c.dead) return ok({ err: 'process is gone' })
    const t = setTimeout(() => {
      c.dead = true
      c.proc.kill('SIGKILL')
      ok({ err: `over ${callLimit / 1000}s, killed` })
    }, callLimit)
    c.next = r => {
      clearTimeout(t)
      ok(r)
    }
    c.proc.send(m)
  })
for (const p of peers) {
  const proc = fork(new URL('./lib/worker.mjs', import.meta.url), [p], {
    env,
    execArgv: p.includes('/') ? process.execArgv : [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const c = (P[p] = { proc, res: {} })
  proc.stderr.on('data', d => {
    c.err = (c.err ?? '') + d
    c.err = c.err.slice(-2000)
  })
  proc.on('message', r => c.next?.(r))
  proc.on('exit', (code, sig) => {
    c.dead = true
    c.next?.({ err: `exit ${code ?? sig}: ${(c.err ?? '').trim().split('\n').slice(-3).join(' | ').slice(0, 300)}` })
  })
  const r = await call(p, { cmd: 'init' })
  c.init = r
  if (r.err) console.log(short(p), 'init failed:', r.err.split('\n')[0])
}
const med = a => {
  const s = [...a].sort((x, y) => x - y)
  return s.length % 2 ? s[s.length >> 1] : (s[s.length / 2 - 1] + s[s.length / 2]) / 2
}
const out = {
  when: new Date().toISOString(),
  node: process.version,
  cpus: os.cpus().length,
  cold: has('cold'),
  load0: os.loadavg(),
  rows: [],
}
for (const w of work) {
  const on = []
  for (const p of peers) {
    const c = P[p],
      row = { w, peer: short(p), device: c.init?.info?.device, pkg: c.init?.info?.pkg }
    c.res[w] = row
    out.rows.push(row)
    if (c.init?.err || c.dead) {
      row.err = c.init?.err ?? 'process is gone'
      continue
    }
    if (!c.init.workloads.includes(w)) {
      row.skip = true
      continue
    }
    const s = await call(p, { cmd: 'setup', w })
    if (s.err) {
      row.err = s.err.split('\n')[0]
      continue
    }
    const f = await call(p, { cmd: 'run', w })
    if (f.err) {
      row.err = f.err.split('\n')[0]
      continue
    }
    row.setup = s.ms
    row.first = f.ms
    row.t = []
    on.push(p)
    const wm = await call(p, { cmd: 'run', w })
    if (wm.err) {
      row.err = wm.err.split('\n')[0]
      on.pop()
    } // warm-up
  }
  for (let r = 0; r < rounds; r++)
    for (const p of on) {
      const row = P[p].res[w],
        spent = row.t.reduce((a, b) => a + b, 0)
      if (row.err || (row.t.length >= 5 && spent > budget) || (row.t.length >= 3 && spent > 2 * budget)) continue
      const m = await call(p, { cmd: 'run', w })
      if (m.err) row.err = m.err.split('\n')[0]
      else row.t.push(m.ms)
    }
  for (const p of on) {
    const row = P[p].res[w]
    const k = await call(p, { cmd: 'check', w })
    if (k.err) row.err = k.err.split('\n')[0]
    else {
      row.maxRelErr = k.worst
      row.per = k.per
    }
    await call(p, { cmd: 'close', w })
    row.median = med(row.t)
    row.min = Math.min(...row.t)
    row.max = Math.max(...row.t)
    row.gflops = FLOPS[w] / row.median / 1e6
  }
  const ok = p => P[p]?.res[w]?.median,
    bp = ok(baseName) ? baseName : peers.find(ok),
    b = P[bp]?.res[w]
  console.log(
    `\n### ${w}  (base ${short(bp ?? '-')}; load ${os
      .loadavg()
      .map(x => x.toFixed(1))
      .join(
        ' ',
      )})\n| peer | first ms | median ms | min..max | GFLOP/s | time / base | max rel err |\n|---|---:|---:|---|---:|---:|---:|`,
  )
  for (const p of peers) {
    const r = P[p].res[w]
    if (r.skip) continue
    if (r.err) {
      console.log(`| ${r.peer} | | error | ${r.err.slice(0, 90)} | | | |`)
      continue
    }
    const ratio = b?.t ? med(r.t.map((t, i) => t / (b.t[i] ?? b.median))) : NaN
    r.ratio = ratio
    console.log(
      `| ${r.peer} | ${(r.setup + r.first).toFixed(0)} | ${r.median.toFixed(1)} | ${r.min.toFixed(0)}..${r.max.toFixed(0)} (n=${r.t.length}) | ${r.gflops.toFixed(2)} | ${ratio.toFixed(2)} | ${r.maxRelErr?.toExponential(1)}${r.maxRelErr < 1e-4 ? '' : r.maxRelErr < 5e-3 ? ' (f16-like)' : ' WRONG'} |`,
    )
  }
}
out.load1 = os.loadavg()
const o = arg('out', '')
if (o) fs.writeFileSync(o, JSON.stringify(out, null, 1))
for (const p of peers) if (!P[p].dead) P[p].proc.send({ cmd: 'exit' })
if (cache) fs.rmSync(cache, { recursive: true, force: true })
setTimeout(() => process.exit(0), 500)
