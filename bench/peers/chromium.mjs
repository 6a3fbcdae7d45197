// The same workloads inside headless Chromium (WebGPU = SwiftShader here): node chromium.mjs [--peers ...] [--work ...] [--rounds 5]
import puppeteer from 'puppeteer-core'
import http from 'node:http'
import fs from 'node:fs'
import path from 'node:path'
import esbuild from 'esbuild'
import { createRequire } from 'node:module'
import { WORKLOADS } from './lib/data.mjs'
import { ref } from './lib/ref.mjs'
const arg = (k, d) => {
  const i = process.argv.indexOf('--' + k)
  return i < 0 ? d : process.argv[i + 1]
}
const peers = arg('peers', 'raw-wgsl,jax-webgpu,tfjs-webgpu,ort-web-webgpu').split(','),
  work = arg('work', WORKLOADS.join(',')).split(','),
  rounds = +arg('rounds', 5)
const here = new URL('.', import.meta.url).pathname,
  distOrt = path.dirname(createRequire(import.meta.url).resolve('onnxruntime-web'))
const entry = `import { install } from ${JSON.stringify(here + 'lib/page.mjs')}; globalThis.process ??= { env: {} }; install({ ${peers.map(p => `${JSON.stringify(p)}: () => import(${JSON.stringify(`${here}adapters/${p}.mjs`)})`).join(', ')} });`
const out = path.join(here, '.cache/page')
fs.mkdirSync(out, { recursive: true })
await esbuild.build({
  stdin: { contents: entry, resolveDir: here, loader: 'js' },
  bundle: true,
  format: 'esm',
  splitting: true,
  outdir: out,
  entryNames: 'page',
  platform: 'browser',
  logLevel: 'error',
  define: { 'process.env.ORTWEB': 'undefined', 'process.env.ATTN': 'undefined', 'process.env.TOGGLES': 'undefined' },
  external: ['fs', 'path', 'util', 'crypto', 'string_decoder', 'node:*'],
  plugins: [
    {
      name: 'gpu',
      setup(b) {
        b.onResolve({ filter: /lib\/gpu\.mjs$/ }, () => ({ path: here + 'lib/gpu-browser.mjs' }))
      },
    },
  ],
})
const mime = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.html': 'text/html',
  '.map': 'application/json',
}
const srv = http.createServer((q, s) => {
  s.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
  s.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
  const f = q.url.split('?')[0]
  if (f === '/') {
    s.setHeader('content-type', 'text/html')
    return s.end('<script type=module src=/page.js></script>')
  }
  const p = [path.join(out, f), path.join(distOrt, path.basename(f))].find(x => fs.existsSync(x))
  if (!p) {
    s.statusCode = 404
    return s.end()
  }
  s.setHeader('content-type', mime[path.extname(p)] ?? 'application/octet-stream')
  fs.createReadStream(p).pipe(s)
})
await new Promise(r => srv.listen(0, '127.0.0.1', r))
const refs = Object.fromEntries(work.map(w => [w, ref(w, 'erf')]))
console.log(
  '| peer (Chromium) | workload | first ms | median ms | GFLOP/s | max rel err |\n|---|---|---:|---:|---:|---:|',
)
for (const p of peers) {
  const b = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
    protocolTimeout: 560000,
  })
  try {
    const g = await b.newPage()
    if (process.env.VERBOSE) {
      g.on('console', m => console.log('   [page]', m.text().slice(0, 300)))
      g.on('pageerror', e => console.log('   [pageerror]', String(e).slice(0, 300)))
    }
    await g.goto(`http://127.0.0.1:${srv.address().port}/`)
    await g.waitForFunction('window.__bench', { timeout: 20000 })
    for (const w of work)
      for (const r of await g.evaluate(
        (p, refs, w, n) => window.__bench(p, refs, w, n),
        p,
        { [w]: refs[w] },
        [w],
        rounds,
      ))
        if (r.w || r.err)
          console.log(
            `| ${p} | ${r.w ?? ''} | ${r.first?.toFixed(0) ?? ''} | ${r.median?.toFixed(1) ?? ''} | ${r.gflops?.toFixed(2) ?? ''} | ${r.err ? r.err.replace(/\n/g, ' ').slice(0, 160) : r.err_rel.toExponential(1)} |`,
          )
  } catch (e) {
    console.log(`| ${p} | ERR ${String(e).slice(0, 200)} |`)
  } finally {
    await b.close().catch(() => {})
  }
}
srv.close()
