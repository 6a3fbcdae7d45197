/** The copy of SwiftShader inside @sparticuz/chromium is unpacked whole, once; a damaged one is as good as none. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { unpackSwiftShader } from '../lib/node/swiftshader.ts'

let project: string
let cache: string

const tarEntry = (name: string, content: string): Buffer => {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write(content.length.toString(8).padStart(11, '0'), 124)
  const padded = Buffer.alloc(Math.ceil(content.length / 512) * 512)
  padded.write(content)
  return Buffer.concat([header, padded])
}
const contents = {
  'libEGL.so': 'not wanted',
  'libvulkan.so.1': 'loader'.repeat(200),
  'libvk_swiftshader.so': 'driver'.repeat(300),
  'vk_swiftshader_icd.json': '{}',
}
const archive = () => Buffer.concat(Object.entries(contents).map(([name, content]) => tarEntry(`./${name}`, content)))

const install = (compressed: Buffer) => {
  const home = join(project, 'node_modules/@sparticuz/chromium')
  mkdirSync(join(home, 'bin'), { recursive: true })
  mkdirSync(join(home, 'build/cjs'), { recursive: true })
  writeFileSync(
    join(home, 'package.json'),
    JSON.stringify({ name: '@sparticuz/chromium', main: 'build/cjs/index.cjs' }),
  )
  writeFileSync(join(home, 'build/cjs/index.cjs'), '')
  writeFileSync(join(home, 'bin/swiftshader.tar.br'), compressed)
}

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'sluice-swiftshader-'))
  cache = join(project, 'cache')
})
afterEach(() => {
  rmSync(project, { recursive: true, force: true })
})

it('unpacks loader, driver and its description, and nothing else', () => {
  install(brotliCompressSync(archive()))
  expect(unpackSwiftShader(project, cache)).toEqual([cache])
  const { 'libEGL.so': _, ...wanted } = contents
  for (const [name, content] of Object.entries(wanted)) expect(readFileSync(join(cache, name), 'utf8')).toBe(content)
  expect(existsSync(join(cache, 'libEGL.so'))).toBe(false)
})

it('does it once', () => {
  install(brotliCompressSync(archive()))
  unpackSwiftShader(project, cache)
  const before = statSync(join(cache, 'libvulkan.so.1')).mtimeMs
  expect(unpackSwiftShader(project, cache)).toEqual([cache])
  expect(statSync(join(cache, 'libvulkan.so.1')).mtimeMs).toBe(before)
})

it.each([
  ['is cut off', () => brotliCompressSync(archive().subarray(0, 2000))],
  ['is not compressed', () => archive()],
  ['claims a size beyond its end', () => brotliCompressSync(archive().fill('7', 124, 135))],
])('finds none in an archive that %s', (_, damaged) => {
  install(damaged())
  expect(unpackSwiftShader(project, cache)).toEqual([])
})

it('finds none where the package is not installed', () => {
  expect(unpackSwiftShader(project, cache)).toEqual([])
})
