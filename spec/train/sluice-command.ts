/** The `sluice` command as a process, which can be ended in the middle of its work. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
export interface Ended {
  /** null where it was killed */
  readonly code: number | null
  readonly said: string
}
/** Runs it to its end, or sends a signal once something holds. */
export const sluice = (
  args: readonly string[],
  until?: () => boolean,
  signal: 'SIGINT' | 'SIGKILL' = 'SIGINT',
): Promise<Ended> =>
  new Promise(resolve => {
    const file = join(root, 'bin/sluice.ts')
    const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=sluice-source', file, ...args], {
      cwd: root,
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const watch = setInterval(() => {
      if (until?.() !== true) return
      clearInterval(watch)
      child.kill(signal)
    }, 20)
    child.on('exit', code => {
      clearInterval(watch)
      resolve({ code, said })
    })
  })
