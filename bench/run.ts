/**
 * `npm run bench`: every bench after the other, each in a process of its own, with progress; what they found as bench/out/bench.json and as
 * one page, bench/out/bench.html. A bench that fails is told and does not stop the others.
 *
 *   npm run bench -- [--quick] [--only sweep,cold]
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { machine } from './machine.ts'
import { page, sectionFile, type Printed, type Section } from './report.ts'

interface Bench {
  readonly file: string
  readonly title: string
  /** arguments that make it short */
  readonly quick: readonly string[]
}
const benches: readonly Bench[] = [
  { file: 'against-peers.ts', title: 'Against the peers', quick: ['--quick'] },
  { file: 'passes.ts', title: 'What a run dispatches', quick: [] },
  { file: 'sweep.ts', title: 'Time by number of rows', quick: ['--quick'] },
  { file: 'cold.ts', title: 'Cold start', quick: ['--quick'] },
  { file: 'host.ts', title: 'Host overhead', quick: [] },
  { file: 'flagship.ts', title: 'Where the time goes in MG-LLaVA', quick: ['--quick'] },
  {
    file: 'decode-vicuna.ts',
    title: 'A token of Vicuna-7B',
    quick: ['q8', '--layers', '1', '--rounds', '3', '--prefill', '0'],
  },
  { file: 'decode.ts', title: 'A small language model', quick: ['50'] },
  { file: 'vision.ts', title: 'The vision half beside PyTorch', quick: ['--quick'] },
  { file: 'training.ts', title: 'A step of training', quick: ['--quick'] },
]

const nameOf = ({ file }: Bench): string => basename(file, '.ts')
const { values: chosen } = parseArgs({ options: { quick: { type: 'boolean' }, only: { type: 'string' } } })
const wanted = chosen.only?.split(',')
const unknown = wanted?.filter(name => !benches.some(bench => nameOf(bench) === name)) ?? []
if (unknown.length > 0) {
  console.error(`no bench is called ${unknown.join(', ')}; there are ${benches.map(nameOf).join(', ')}`)
  process.exit(2)
}
const selected = benches.filter(bench => wanted?.includes(nameOf(bench)) ?? true)

const root = fileURLToPath(new URL('..', import.meta.url))
const out = join(root, 'bench/out')
mkdirSync(out, { recursive: true })

/** Dawn says this of every device on a software driver. */
const isNoise = (line: string): boolean => /^Warning: maxDynamic\w+ artificially reduced/.test(line)

const ran = (bench: Bench): Promise<{ readonly found: Section | Printed; readonly failed: boolean }> =>
  new Promise(resolve => {
    const left = join(out, `${nameOf(bench)}.json`)
    rmSync(left, { force: true })
    const options = chosen.quick === true ? bench.quick : []
    const path = join('bench', bench.file)
    const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=sluice-source', path, ...options], {
      cwd: root,
      env: { ...process.env, [sectionFile]: left },
    })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      process.stdout.write(chunk)
    })
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = chunk.split('\n').filter(line => line !== '' && !isNoise(line))
      if (lines.length > 0) process.stderr.write(`${lines.join('\n')}\n`)
    })
    child.on('close', code => {
      const command = [path, ...options].join(' ')
      const section = existsSync(left) ? (JSON.parse(readFileSync(left, 'utf8')) as Section) : undefined
      const ended = code === 0 ? text : `${text}\nended with ${code}`
      resolve({ found: section ?? { title: bench.title, command, text: ended }, failed: code !== 0 })
    })
  })

const facts = { ...(await machine()), measured: new Date().toISOString().slice(0, 16).replace('T', ' ') }
const sections: (Section | Printed)[] = []
const failures: string[] = []
for (const [i, bench] of selected.entries()) {
  const since = performance.now()
  console.log(`\n[${i + 1} of ${selected.length}] ${bench.title}`)
  const { found, failed } = await ran(bench)
  sections.push(found)
  if (failed) failures.push(nameOf(bench))
  console.log(`${failed ? 'FAILED' : 'done'} after ${((performance.now() - since) / 1000).toFixed(0)} s`)
  writeFileSync(join(out, 'bench.json'), JSON.stringify({ facts, quick: chosen.quick === true, sections }, null, 1))
  writeFileSync(join(out, 'bench.html'), page(facts, sections))
}
console.log(
  `\nbench/out/bench.html, bench/out/bench.json${failures.length > 0 ? `; FAILED: ${failures.join(', ')}` : ''}`,
)
process.exit(failures.length > 0 ? 1 : 0)
