/**
 * `npm run test:browser`: the built package, bundled as a user's page would be, in a Chromium without a window. The page gets a golden
 * MG-LLaVA over HTTP, runs the checks of checks.ts and reports each to the server that served it, which is this process. With --node
 * the same checks run here instead. The last line counts: `N passed, N failed`.
 */
import { build } from 'esbuild'
import { either as E } from 'fp-ts'
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decodePicture, memoryFolder } from 'sluice'
import { findChromium, openPage } from './chromium.ts'
import { check, Report } from './reports.ts'
import { serve } from './server.ts'
import type { KnownPicture, Supplies } from './supplies.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = join(here, '../..')
const seed = Number(process.env.SLUICE_SEED ?? Date.now() % 0x7fffffff)
/** A page that reports nothing for so many milliseconds never will. */
const patience = 120_000

type Files = ReadonlyMap<string, Uint8Array>

// ---- what is supplied --------------------------------------------------------------------------------------------------
const filesBelow = (folder: string): Files => {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const plain = names.filter(name => statSync(join(folder, name)).isFile())
  return new Map(plain.map(name => [name.split(sep).join('/'), new Uint8Array(readFileSync(join(folder, name)))]))
}
const knownPicture = async ([name, bytes]: readonly [string, Uint8Array]): Promise<KnownPicture> => {
  const decoded = await decodePicture(bytes, name)()
  if (E.isLeft(decoded)) throw new Error(decoded.left.message)
  const { width, height, data } = decoded.right
  return { name, width, height, sha256: createHash('sha256').update(data).digest('hex') }
}
/** A JPEG whose EXIF data say that it lies on its side, which Node's decoder overlooks, as the training of models did. */
const turned = (jpeg: Uint8Array): Uint8Array => {
  const orientation = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0]
  const tiff = [...Buffer.from('MM\0*'), 0, 0, 0, 8, 0, 1, ...orientation, 0, 0, 0, 0]
  const exif = [...Buffer.from('Exif\0\0'), ...tiff]
  return Uint8Array.from([...jpeg.subarray(0, 2), 0xff, 0xe1, 0, exif.length + 2, ...exif, ...jpeg.subarray(2)])
}
const models = filesBelow(join(root, 'spec/golden/mg-llava'))
const modelNames = [...models.keys()].flatMap(name => /^([^/]+)\/mg-llava\.json$/.exec(name)?.[1] ?? [])
const photos = [...filesBelow(join(root, 'examples/data/coco'))].filter(([name]) => name.endsWith('.jpg'))
const drawn = [...models].filter(([name]) => name.endsWith('.png'))
const pictures: Files = new Map([...photos, ['turned.jpg', turned(photos[0]![1])], ...drawn])

// ---- what is told ------------------------------------------------------------------------------------------------------
const count = { passed: 0, failed: 0 }
let checking: string | undefined
const tell = (report: Report): void => {
  if (report.kind === 'device') console.log(`${report.name} ${report.profile}`)
  if (report.kind === 'begun') checking = report.check
  if (report.kind === 'checked') {
    const { check, wrong, seconds } = report
    checking = undefined
    count[wrong.length === 0 ? 'passed' : 'failed']++
    console.log(`${wrong.length === 0 ? 'ok    ' : 'FAILED'} ${check} (${seconds.toFixed(1)} s)`)
    for (const sentence of wrong.slice(0, 5)) console.log(`       ${sentence.replaceAll('\n', '\n       ')}`)
  }
  if (report.kind === 'ended' && report.why !== undefined) {
    count.failed++
    console.log(`FAILED ${checking ?? 'before any check'}: ${report.why}`)
  }
}
const finish = (): void => {
  if (count.failed > 0) console.log(`Again: SLUICE_SEED=${seed}`)
  console.log(`${count.passed} passed, ${count.failed} failed`)
  process.exitCode = count.failed > 0 ? 1 : 0
}

// ---- the places --------------------------------------------------------------------------------------------------------
const inNode = async (known: readonly KnownPicture[]): Promise<void> => {
  const host = { files: memoryFolder('pictures', pictures), decode: decodePicture }
  const report = async (what: Report): Promise<void> => tell(what)
  await check({ models: memoryFolder('models', models), modelNames, host, known, seed, report })
}

/** The entry as one script. esbuild resolves 'sluice' and '#platform' by package.json, as every bundler for the web does. */
const bundled = async (): Promise<Uint8Array> => {
  const { outputFiles } = await build({
    entryPoints: [join(here, 'page.ts')],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2023',
    sourcemap: 'inline',
    write: false,
  })
  return outputFiles[0]!.contents
}
/** Also told: what keeps the script from starting. */
const html = `<!doctype html><meta charset="utf-8"><title>Sluice</title>
<script>
  const tell = why => fetch('/report', { method: 'POST', body: JSON.stringify({ kind: 'ended', why }) })
  addEventListener('error', event => tell(event.message ?? 'the script does not load'), true)
  addEventListener('unhandledrejection', event => tell(String(event.reason)))
</script>
<script type="module" src="/page.js"></script>`

const servedFiles = async (known: readonly KnownPicture[]): Promise<ReadonlyMap<string, Uint8Array | string>> => {
  const supplies: Supplies = {
    seed,
    known,
    models: modelNames,
    modelFiles: [...models.keys()],
    pictures: [...pictures.keys()],
  }
  return new Map<string, Uint8Array | string>([
    ['/index.html', html],
    ['/page.js', await bundled()],
    ['/supplies.json', JSON.stringify(supplies)],
    ...[...models].map(([name, bytes]) => [`/models/${name}`, bytes] as const),
    ...[...pictures].map(([name, bytes]) => [`/pictures/${name}`, bytes] as const),
  ])
}
const reportIn = (text: string): Report => {
  const report = Report.decode(JSON.parse(text))
  return E.isRight(report) ? report.right : { kind: 'ended', why: `the page reports ${text}` }
}

const inBrowser = async (program: string, known: readonly KnownPicture[]): Promise<void> => {
  const files = await servedFiles(known)
  let heard = performance.now()
  let end: (report: Report) => void = () => {}
  const ended = new Promise<Report>(resolve => (end = resolve))
  const server = await serve(files, text => {
    heard = performance.now()
    const report = reportIn(text)
    if (report.kind === 'ended') end(report)
    else tell(report)
  })
  const page = openPage(program, `${server.address}/index.html`)
  void page.ended.then(why => end({ kind: 'ended', why }))
  const watch = setInterval(() => {
    const silent = performance.now() - heard
    if (silent > patience) end({ kind: 'ended', why: `nothing was heard for ${patience / 1000} s` })
  }, 1000)
  tell(await ended)
  clearInterval(watch)
  await page.close()
  server.close()
}

const main = async (): Promise<void> => {
  const known = await Promise.all([...pictures].map(knownPicture))
  if (process.argv.includes('--node')) {
    await inNode(known)
    return finish()
  }
  const found = findChromium(text => console.log(`installing: ${text}`))
  if ('why' in found) return console.log(`skipped: ${found.why}\n0 passed, 0 failed, 1 skipped`)
  console.log(found.program)
  await inBrowser(found.program, known)
  finish()
}
await main()
