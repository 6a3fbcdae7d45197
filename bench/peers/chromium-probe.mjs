// Which flags give this Chromium a WebGPU adapter? node chromium-probe.mjs
import puppeteer from 'puppeteer-core'
import http from 'node:http'
const srv = http.createServer((q, s) => {
  s.setHeader('content-type', 'text/html')
  s.end('<title>p</title>')
})
await new Promise(r => srv.listen(0, '127.0.0.1', r))
const url = `http://127.0.0.1:${srv.address().port}/`
const sets = {
  'unsafe-webgpu only': [],
  'vulkan (system lavapipe)': [
    '--enable-features=Vulkan',
    '--use-angle=vulkan',
    '--disable-vulkan-surface',
    '--ignore-gpu-blocklist',
  ],
  'vulkan + use-vulkan=native': [
    '--enable-features=Vulkan',
    '--use-vulkan=native',
    '--use-angle=vulkan',
    '--disable-vulkan-surface',
    '--ignore-gpu-blocklist',
  ],
  'vulkan, no sandbox, lvp ICD env': [
    '--enable-features=Vulkan,DefaultANGLEVulkan,VulkanFromANGLE',
    '--use-angle=vulkan',
    '--disable-vulkan-surface',
    '--ignore-gpu-blocklist',
    '--disable-gpu-sandbox',
    '--use-webgpu-adapter=default',
    '--enable-dawn-features=allow_unsafe_apis',
    '--webgpu-power-preference=none',
  ],
  'adapter=swiftshader': ['--use-webgpu-adapter=swiftshader', '--ignore-gpu-blocklist'],
  'swiftshader + vulkan=swiftshader': [
    '--use-webgpu-adapter=swiftshader',
    '--enable-features=Vulkan',
    '--use-vulkan=swiftshader',
    '--use-angle=swiftshader',
    '--enable-unsafe-swiftshader',
    '--ignore-gpu-blocklist',
  ],
}
for (const [n, f] of Object.entries(sets)) {
  let b
  try {
    b = await puppeteer.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      headless: true,
      args: ['--no-sandbox', '--enable-unsafe-webgpu', ...f],
      timeout: 30000,
    })
    const p = await b.newPage()
    await p.goto(url)
    const r = await Promise.race([
      p.evaluate(async () => {
        if (!navigator.gpu) return 'no navigator.gpu'
        const a = await navigator.gpu.requestAdapter()
        if (!a) return 'requestAdapter: null'
        const d = await a.requestDevice()
        return [
          a.info.vendor,
          a.info.architecture,
          a.info.description,
          a.info.isFallbackAdapter,
          'sg',
          a.info.subgroupMinSize,
          a.info.subgroupMaxSize,
          [...a.features].filter(x => /f16|subgr|timestamp/.test(x)).join('+'),
          'maxBinding',
          a.limits.maxStorageBufferBindingSize,
        ].join(' ')
      }),
      new Promise(ok => setTimeout(() => ok('timeout'), 20000)),
    ])
    console.log(n.padEnd(34), '->', r, await b.version())
  } catch (e) {
    console.log(n.padEnd(34), '-> ERR', String(e).slice(0, 200))
  } finally {
    await b?.close().catch(() => {})
  }
}
srv.close()
