/**
 * The package as a user gets it: built, packed, installed into an empty project, imported by plain Node. Neither tsc nor
 * Vitest nor tsx notices an import that only plain Node refuses, nor a file missing from the tarball.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = mkdtempSync(join(tmpdir(), 'sluice-package-'))
const npm = (args: readonly string[], cwd: string): string =>
  execFileSync('npm', [...args], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const node = (script: string): string =>
  execFileSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: folder, encoding: 'utf8' })

interface Packed {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}
let packed: Packed

beforeAll(() => {
  npm(['run', '--silent', 'build'], root)
  const listed: unknown = JSON.parse(npm(['pack', '--json', '--pack-destination', folder], root))
  ;[packed] = (Array.isArray(listed) ? listed : Object.values(listed as object)) as [Packed]
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }))
  npm(['install', '--prefer-offline', '--no-audit', '--no-fund', join(folder, packed.filename)], folder)
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

it('holds code and declarations, and neither sources, tests, data nor weights', () => {
  const paths = packed.files.map(({ path }) => path)
  expect(paths).toEqual(expect.arrayContaining(['package.json', 'LICENSE', 'dist/lib/index.js', 'dist/lib/index.d.ts']))
  const foreign = paths.filter(path => !/^(package\.json|LICENSE|README\.md|dist\/.*\.(js|d\.ts))$/.test(path))
  expect(foreign).toEqual([])
})

it.each([
  ['sluice', ['pipe', 'flow', 'input', 'describe', 'run']],
  ['sluice/ops', ['linear', 'gelu', 'softmax']],
  ['sluice/models', ['mgLlava']],
])('plain Node imports %s', (name, expected) => {
  const exported: unknown = JSON.parse(node(`console.log(JSON.stringify(Object.keys(await import('${name}'))))`))
  expect(exported).toEqual(expect.arrayContaining(expected))
  expect((exported as string[]).length).toBeGreaterThan(0)
})

it('resolves the platform of Node, and of a browser elsewhere', () => {
  const installed = join(folder, 'node_modules/sluice')
  const { imports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    imports: { '#platform': { node: string; default: string } }
  }
  const platforms = [imports['#platform'].node, imports['#platform'].default].map(path => join(installed, path))
  expect(platforms.map(existsSync)).toEqual([true, true])
  const name = (path: string) => node(`console.log((await import(${JSON.stringify(path)})).platform.name)`).trim()
  expect(platforms.map(name)).toEqual(['node', 'browser'])
})

it('brings the command', () => {
  const command = join(folder, 'node_modules/.bin/sluice')
  const tiny = join(root, 'examples/data/tiny-mg-llava')
  const described = execFileSync(command, ['describe', tiny, '--depth', '1'], { cwd: folder, encoding: 'utf8' })
  expect(described).toContain('fuse_module')
})

it('type-checks a program of a user who has only the DOM library', () => {
  writeFileSync(
    join(folder, 'program.ts'),
    `import { input, pipe } from 'sluice'
import { linear } from 'sluice/ops'
export const y = pipe(input('x', ['batch', 784]), linear('out', 10))
// @ts-expect-error: there is no such op
import { nothing } from 'sluice/ops'
`,
  )
  const compiler = join(root, 'node_modules/@typescript/native/bin/tsc')
  const flags = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2023', '--module', 'nodenext']
  const checked = spawnSync(process.execPath, [compiler, ...flags, 'program.ts'], { cwd: folder, encoding: 'utf8' })
  expect(checked.stdout + checked.stderr).toBe('')
})
