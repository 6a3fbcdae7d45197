/** The libraries that Sluice is compared with: they live in bench/peers, with dependencies of their own. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { progress } from './report.ts'

/** Their folder; installs them at the first run. */
export const peersFolder = (): string => {
  const folder = fileURLToPath(new URL('./peers/', import.meta.url))
  if (existsSync(`${folder}node_modules`)) return folder
  progress('installing the peers')
  const arguments_ = ['install', '--ignore-scripts', '--no-audit', '--no-fund']
  if (spawnSync('npm', arguments_, { cwd: folder, stdio: 'inherit' }).status !== 0) process.exit(1)
  return folder
}
