/** Where a bench ran and with what: a figure without these means nothing. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { sharedDevice } from 'sluice'
import { opened } from './measure.ts'

const versionsIn = (file: string): Readonly<Record<string, string>> => {
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
    readFileSync(new URL(file, import.meta.url), 'utf8'),
  ) as Readonly<Record<string, Readonly<Record<string, string>>>>
  return { ...dependencies, ...optionalDependencies }
}
const commit = (): string => {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    }).trim()
  } catch {
    return 'unknown'
  }
}

export const machine = async (): Promise<Readonly<Record<string, string>>> => {
  const { name, profile } = await opened(sharedDevice)
  const peers = versionsIn('./peers/package.json')
  const compared = ['@jax-js/jax', '@tensorflow/tfjs', 'onnxruntime-node', 'webgpu']
  return {
    adapter: name,
    subgroups: profile.subgroup.join(' to '),
    processor: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
    dawn: `webgpu ${versionsIn('../package.json')['webgpu']}`,
    peers: compared.map(peer => `${peer} ${peers[peer]}`).join(', '),
    commit: commit(),
  }
}
