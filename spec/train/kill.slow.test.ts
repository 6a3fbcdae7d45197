/** A run that is killed at random moments, as by kill -9 or a power cut, ends with the very bits of one that was left alone. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const program = join(root, 'spec/train/to-the-end.ts')

/** Runs until it ends, or so long after it began to learn; the exit code, or null where it was killed, and the updates it told of. */
const run = (folder: string, killAfter?: number): Promise<{ readonly code: number | null; readonly updates: number }> =>
  new Promise(resolve => {
    const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=sluice-source', program, folder], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let updates = 0
    child.stdout.on('data', (chunk: Buffer) => {
      if (updates === 0 && killAfter !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfter)
      updates += chunk.toString().split('\n').length - 1
    })
    child.on('exit', code => resolve({ code, updates }))
  })

it('ends with the same bits however often it is killed', async () => {
  const [whole, killed] = ['whole', 'killed'].map(name => mkdtempSync(join(tmpdir(), `sluice-${name}-`)))
  expect((await run(whole!)).code).toBe(0)
  const seed = Math.floor(Math.random() * 1000)
  const kills: number[] = []
  for (let k = 0; ; k++) {
    // the last one is left alone
    const after = k < 4 ? (seed * (k + 7) * 37) % 350 : undefined
    const { code } = await run(killed!, after)
    if (code === 0) break
    kills.push(after!)
    expect(code, `seed ${seed}`).toBe(null)
  }
  const [a, b] = [whole, killed].map(folder => ({
    checkpoint: readFileSync(join(folder!, 'checkpoint.safetensors')),
    log: readFileSync(join(folder!, 'log.jsonl'), 'utf8'),
  }))
  expect(b!.checkpoint.equals(a!.checkpoint), `seed ${seed}, killed after ${kills.join(', ')} ms`).toBe(true)
  expect(b!.log, `seed ${seed}`).toBe(a!.log)
  expect(
    readdirSync(killed!)
      .filter(name => !name.endsWith('.tmp'))
      .sort(),
  ).toEqual(readdirSync(whole!).sort())
})
