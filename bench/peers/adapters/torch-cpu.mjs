// Optional: a Python with torch (PYTHON=..., PYTHONPATH=...). Not from npm.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import os from 'node:os'
import readline from 'node:readline'
import { inputs } from '../lib/data.mjs'
export const info = { device: 'CPU (oneDNN/MKL, 2 threads)', pkg: 'torch (Python)', gelu: 'erf' }
let p, rl, dir
const q = []
const call = m =>
  new Promise((ok, no) => {
    q.push([ok, no])
    p.stdin.write(JSON.stringify(m) + '\n')
  }).then(r => {
    if (r.err) throw new Error(r.err)
    return r
  })
export const init = async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'torchw-'))
  const put = (n, a) =>
    fs.writeFileSync(path.join(dir, n + '.f32'), new Uint8Array(a.buffer, a.byteOffset, a.byteLength))
  for (const w of ['matmul', 'attn', 'dwconv']) for (const [k, v] of Object.entries(inputs(w))) put(k, v)
  for (const [k, v] of Object.entries(inputs('mlp'))) put(k === 'x' ? 'mx' : k, v)
  p = spawn(process.env.PYTHON ?? 'python3', [new URL('../py/torch_worker.py', import.meta.url).pathname, dir], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  rl = readline.createInterface({ input: p.stdout })
  await new Promise((ok, no) => {
    p.once('exit', c => no(new Error('python worker exited ' + c)))
    rl.once('line', l => {
      info.version = JSON.parse(l).version
      ok()
    })
  })
  rl.on('line', l => q.shift()[0](JSON.parse(l)))
  process.on('exit', () => {
    p.kill()
    fs.rmSync(dir, { recursive: true, force: true })
  })
}
const mk = w => async () => {
  await call({ cmd: 'setup', w })
  return {
    run: async () => {
      await call({ cmd: 'run', w })
    },
    read: async () => {
      const { outs } = await call({ cmd: 'read', w }),
        o = {}
      for (const k of outs) {
        const b = fs.readFileSync(path.join(dir, `out-${k}.f32`))
        o[k] = new Float32Array(b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength))
      }
      return o
    },
    close: async () => {
      await call({ cmd: 'close', w })
    },
  }
}
export const workloads = Object.fromEntries(['matmul', 'attn', 'dwconv', 'mlp', 'mlpgrad'].map(w => [w, mk(w)]))
