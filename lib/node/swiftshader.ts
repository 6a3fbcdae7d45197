/**
 * SwiftShader is a Vulkan driver in software that nobody installs and most desktops have: every Chrome, Chromium, Edge and
 * Electron program ships it beside its binary, together with a Vulkan loader. This file finds such a folder and makes the
 * loader in it the one that Dawn uses, in this process and without LD_LIBRARY_PATH. Where the npm package
 * `@sparticuz/chromium` is installed, its compressed copy is unpacked once into the user's cache folder.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants, homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'

const icdFile = 'vk_swiftshader_icd.json'
const loaderFile = 'libvulkan.so.1'
const files = [icdFile, loaderFile, 'libvk_swiftshader.so'] as const
const RTLD_NODELETE = 0x1000

const isComplete = (folder: string): boolean => files.every(file => existsSync(join(folder, file)))

/** The folders `depth` levels below `folder`, or nothing where it cannot be read. */
const below = (folder: string, depth: number): readonly string[] => {
  if (depth === 0) return [folder]
  try {
    const entries = readdirSync(folder, { withFileTypes: true })
    const folders = entries.filter(entry => entry.isDirectory() || entry.isSymbolicLink())
    return [folder, ...folders.flatMap(entry => below(join(folder, entry.name), depth - 1))]
  } catch {
    return []
  }
}

const installedIn = (): readonly string[] => [
  ...below('/usr/lib', 1),
  ...below('/usr/lib64', 1),
  ...below('/usr/share', 1),
  ...below('/opt', 2),
  '/snap/chromium/current/usr/lib/chromium-browser',
  '/snap/code/current/usr/share/code',
  ...below(join(homedir(), '.cache/ms-playwright'), 2),
  ...below(join(homedir(), '.cache/puppeteer'), 3),
  join(process.cwd(), 'node_modules/electron/dist'),
]

/** The files of a tar archive whose names are wanted. Sizes are checked against the archive before anything is cut out. */
const untar = (archive: Buffer, wanted: readonly string[]): ReadonlyMap<string, Buffer> => {
  const found = new Map<string, Buffer>()
  const text = (at: number, length: number) => archive.toString('latin1', at, at + length).replace(/\0.*$/s, '')
  for (let at = 0; at + 512 <= archive.length;) {
    const name = text(at, 100).split('/').pop() ?? ''
    const size = Number.parseInt(text(at + 124, 12), 8) || 0
    const start = at + 512
    if (start + size > archive.length) break
    if (wanted.includes(name)) found.set(name, archive.subarray(start, start + size))
    at = start + Math.ceil(size / 512) * 512
  }
  return found
}

const cacheFolder = (): string => join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice', 'swiftshader')

/**
 * Unpacks the copy inside `@sparticuz/chromium` into `folder`, once, if that package is installed in `project`; gives the
 * folder, or nothing. Each file appears whole: it is written under another name and renamed.
 */
export const unpackSwiftShader = (project: string, folder: string): readonly string[] => {
  if (isComplete(folder)) return [folder]
  try {
    const entry = createRequire(join(project, 'package.json')).resolve('@sparticuz/chromium')
    const roots = [1, 2, 3].map(up => join(dirname(entry), '../'.repeat(up)))
    const archive = roots.map(root => join(root, 'bin/swiftshader.tar.br')).find(existsSync)
    if (archive === undefined) return []
    mkdirSync(folder, { recursive: true })
    for (const [name, bytes] of untar(brotliDecompressSync(readFileSync(archive)), files)) {
      const partial = join(folder, `${name}.${process.pid}`)
      writeFileSync(partial, bytes)
      renameSync(partial, join(folder, name))
    }
  } catch {
    // Not installed, damaged, or no room: there is no SwiftShader here, and the search goes on.
  }
  return isComplete(folder) ? [folder] : []
}

/** Folders with a complete SwiftShader, the likeliest first. Linux only: elsewhere Dawn needs no Vulkan. */
export const swiftShaderFolders = (): readonly string[] => {
  if (process.platform !== 'linux') return []
  const installed = installedIn().filter(isComplete)
  return installed.length > 0 ? installed : unpackSwiftShader(process.cwd(), cacheFolder())
}

/**
 * Makes the folder's driver and loader the ones Dawn will open; gives the driver file. `process.dlopen` complains that the
 * library is no Node add-on, but it stays loaded, and Dawn's own dlopen then finds it by its name.
 */
export const loadSwiftShader = (folder: string): string => {
  const { RTLD_NOW, RTLD_GLOBAL } = constants.dlopen
  try {
    process.dlopen({ exports: {} }, join(folder, loaderFile), RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE)
  } catch {
    // Always thrown: the loader registers no add-on.
  }
  return join(folder, icdFile)
}
