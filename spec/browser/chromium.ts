/**
 * A Chromium without a window and without a GPU: found beside the usual names, installed where that is one command of apt, and opened on a
 * page. It answers WebGPU with SwiftShader, a driver in software, once it is told that this is wanted.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { accessSync, constants, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'msedge']
const apps = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
]
const runs = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
/** CHROMIUM, or the first browser of this kind that is installed. */
const installed = (): string | undefined => {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const chosen = process.env.CHROMIUM
  if (chosen !== undefined) return runs(chosen) ? chosen : undefined
  return [...folders.flatMap(folder => names.map(name => join(folder, name))), ...apps].find(runs)
}

const aptCommands = 'apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium'

/** The program, or why there is none and what to do. */
export const findChromium = (say: (text: string) => void): { readonly program: string } | { readonly why: string } => {
  const found = installed()
  if (found !== undefined) return { program: found }
  if (process.env.CHROMIUM !== undefined) return { why: `CHROMIUM is '${process.env.CHROMIUM}', which does not run` }
  const advice = 'install Chromium or Chrome, or set CHROMIUM to its program'
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return { why: `no Chromium is installed: ${advice}` }
  say(aptCommands)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, stdout, stderr } = spawnSync('sh', ['-c', aptCommands], { env, encoding: 'utf8' })
  const program = installed()
  if (program !== undefined) return { program }
  const last = (stderr || stdout).trim().split('\n').at(-1) ?? ''
  return { why: `apt installed no Chromium (${status}: ${last}): ${advice}` }
}

const flags = [
  '--headless=new',
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
export interface Opened {
  /** when it ends by itself: with which code, and the last that it said */
  readonly ended: Promise<string>
  readonly close: () => Promise<void>
}
/** Opens a page, with a profile of its own that is gone afterwards. */
export const openPage = (program: string, address: string): Opened => {
  const profile = mkdtempSync(join(tmpdir(), 'sluice-chromium-'))
  const child = spawn(program, [...flags, `--user-data-dir=${profile}`, address], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: process.platform !== 'win32',
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)))
  const ended = new Promise<string>(resolve => {
    child.on('error', error => resolve(String(error)))
    child.on('exit', code => resolve(`Chromium ended (${code}): ${said.trim()}`))
  })
  const close = async (): Promise<void> => {
    end(child)
    await ended
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
  return { ended, close }
}
/** The browser is many processes: all of its group. */
const end = (child: ChildProcess): void => {
  if (child.pid === undefined || child.exitCode !== null) return
  if (process.platform === 'win32') child.kill()
  else process.kill(-child.pid, 'SIGKILL')
}
