/**
 * Makes a fresh clone ready: installs the packages when node_modules is missing or older than package-lock.json, and sees to
 * it that Node finds a WebGPU adapter, installing Mesa's software driver where that is possible. Every script of
 * package.json runs it first, so it is plain JavaScript without dependencies and costs little when nothing is to be done:
 * what was found is noted in node_modules/.cache, and looked for again only when packages or drivers change.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const noteFile = join(root, 'node_modules/.cache/sluice/setup.json')
const say = text => console.log(`setup: ${text}`)

const stop = text => {
  console.error(`setup: ${text}`)
  process.exit(1)
}

const modified = path => (existsSync(path) ? statSync(path).mtimeMs : 0)

const readNote = () => {
  try {
    return JSON.parse(readFileSync(noteFile, 'utf8'))
  } catch {
    return {}
  }
}

const addToNote = facts => {
  mkdirSync(dirname(noteFile), { recursive: true })
  writeFileSync(noteFile, JSON.stringify({ ...readNote(), ...facts }))
}

const checkNode = () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19))
    stop(`Node ${process.versions.node} is too old, install Node 20.19 or newer`)
}

const installPackages = () => {
  const lock = join(root, 'package-lock.json')
  const installed = join(root, 'node_modules/.package-lock.json')
  const lockHash = createHash('sha256').update(readFileSync(lock)).digest('hex')
  if (existsSync(installed) && (modified(installed) >= modified(lock) || readNote().lockHash === lockHash)) return
  say('installing packages (npm ci)')
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (npm.status !== 0) stop('npm ci failed, see above; check the network and run: npm ci')
  addToNote({ lockHash })
}

/** What the answer about adapters depends on. */
const driverState = () => {
  const folders = ['/etc/vulkan/icd.d', '/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d']
  const variables = ['SLUICE_ADAPTER', 'VK_DRIVER_FILES', 'VK_ICD_FILENAMES'].map(name => process.env[name] ?? null)
  return JSON.stringify([variables, folders.map(modified), modified(join(root, 'node_modules/webgpu/package.json'))])
}

const probeScript = `
  import { findGpu } from './lib/node/adapter.ts'
  import { driverCommandsHere } from './lib/node/driver-advice.ts'
  const found = await findGpu()
  const ok = found._tag === 'Right'
  const said = ok ? found.right.tried.at(-1) : found.left.message
  console.log(JSON.stringify({ ok, said, commands: driverCommandsHere() }))`

/** Asks the library itself, in another process, so that there is one way to look for an adapter. */
const probe = () => {
  const args = ['--import', 'tsx', '--conditions=sluice-source', '--input-type=module', '--eval', probeScript]
  const child = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
  try {
    return JSON.parse(child.stdout.trim().split('\n').at(-1))
  } catch {
    return stop(`looking for a WebGPU adapter failed:\n${child.stderr}`)
  }
}

/** Only as root with apt, and never where the user has chosen a driver. */
const mayInstallDrivers = () => {
  const chosen = ['SLUICE_ADAPTER', 'VK_DRIVER_FILES', 'VK_ICD_FILENAMES'].some(name => process.env[name] !== undefined)
  return !chosen && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
}

const installDriver = commands => {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const command of commands) {
    say(command)
    const child = spawnSync('sh', ['-c', command], { env, encoding: 'utf8' })
    if (child.status === 0) continue
    say(`that failed: ${(child.stderr || child.stdout).trim().split('\n').slice(-2).join(' ')}`)
    return
  }
}

const findAdapter = () => {
  if (readNote().driverState === driverState()) return
  const first = probe()
  const mayInstall = !first.ok && first.commands.length > 0 && mayInstallDrivers()
  if (mayInstall) installDriver(first.commands)
  const last = mayInstall ? probe() : first
  if (!last.ok) return say(`kernels cannot run here: ${last.said}`)
  say(`WebGPU adapter from ${last.said}`)
  addToNote({ driverState: driverState() })
}

checkNode()
installPackages()
findAdapter()
