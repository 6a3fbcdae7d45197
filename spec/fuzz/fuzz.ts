/**
 * Asks readers for many damaged files in a process of its own, which may crash, run out of memory or never answer: then the file it was
 * reading is what was found. In order is only a value that can be used, or a typed error that names the file.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as fc from 'fast-check'
import { either as E } from 'fp-ts'
import type { SluiceError } from '../../lib/errors.ts'
import { readers } from './readers.ts'

export interface Finding {
  readonly reader: string
  readonly why: string
  /** the file, as small as it could be made */
  readonly bytes: Uint8Array
}
interface Task {
  readonly reader: string
  readonly seed: number
  readonly cases: number
}
/** What the process says: which case it begins, or that it is through. */
type Said =
  { readonly begins: number } | { readonly found: { readonly why: string; readonly bytes: string } | undefined }

/** No file here takes a tenth of a second on an idle machine. */
const longest = 30_000
const mostMegabytes = 64
const heapMegabytes = 512

// ---- the process ---------------------------------------------------------------------------------------------------
const kinds: ReadonlySet<SluiceError['kind']> = new Set([
  'missing file',
  'format',
  'field',
  'missing tensor',
  'tensor shape',
  'dtype',
  'unsafe',
  'shape',
  'several',
])
const wrongWith = (error: SluiceError, file: string): string | undefined => {
  if (!kinds.has(error.kind)) return `the error is of the kind '${error.kind}'`
  return error.message.includes(file) ? undefined : `the error does not name the file: ${error.message}`
}
/** What is wrong with reading a file, if anything. */
const judged = async (reader: string, bytes: Uint8Array): Promise<string | undefined> => {
  const { file, read } = readers[reader]!
  const before = process.memoryUsage().arrayBuffers
  const keys = Reflect.ownKeys(Object.prototype).length
  try {
    const outcome = await read(bytes)
    const wrong = E.isLeft(outcome) ? wrongWith(outcome.left, file) : undefined
    if (wrong !== undefined) return wrong
  } catch (e) {
    return `it throws ${e instanceof Error ? (e.stack ?? e.message) : String(e)}`
  }
  if (Reflect.ownKeys(Object.prototype).length !== keys) return 'it changes the prototype of objects'
  const megabytes = (process.memoryUsage().arrayBuffers - before) / 2 ** 20
  return megabytes > mostMegabytes ? `it takes ${megabytes.toFixed(0)} MB for ${bytes.length} bytes` : undefined
}
const run = async ({ reader, seed, cases }: Task, say: (said: Said) => void): Promise<void> => {
  let count = 0
  let why = ''
  const property = fc.asyncProperty(readers[reader]!.cases, async bytes => {
    say({ begins: count++ })
    const wrong = await judged(reader, bytes)
    if (wrong !== undefined) why = wrong
    return wrong === undefined
  })
  const { failed, counterexample } = await fc.check(property, { seed, numRuns: cases })
  const bytes = Buffer.from(counterexample?.[0] ?? []).toString('base64')
  say({ found: failed ? { why, bytes } : undefined })
}
/** Does the tasks it is sent. */
export const work = (): void => {
  process.on('message', (task: Task) => void run(task, said => void process.send!(said)))
  process.on('disconnect', () => process.exit(0))
}

// ---- the parent ----------------------------------------------------------------------------------------------------
const start = (): ChildProcess =>
  fork(fileURLToPath(new URL('./run.ts', import.meta.url)), ['--worker'], {
    execArgv: ['--import', 'tsx', '--conditions=sluice-source', `--max-old-space-size=${heapMegabytes}`],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })

const ask = (child: ChildProcess, task: Task): Promise<Finding | undefined> =>
  new Promise((resolve, reject) => {
    let last = -1
    let printed = ''
    const listen = (text: Buffer): void => void (printed = `${printed}${text.toString()}`.slice(-2_000))
    const finish = (found: Finding | undefined): void => {
      clearTimeout(clock)
      child.off('message', hear).off('close', gone)
      child.stderr?.off('data', listen)
      resolve(found)
    }
    const { reader, seed, cases } = task
    /** The file of case `last`, made again from the seed; while one is made smaller there is no such case. */
    const atLast = (why: string): Finding => ({
      reader,
      why,
      bytes: fc.sample(readers[reader]!.cases, { seed, numRuns: Math.min(last + 1, cases) }).at(-1)!,
    })
    const late = (): void => void child.kill('SIGKILL')
    let clock = setTimeout(late, longest)
    const hear = (said: Said): void => {
      clearTimeout(clock)
      if ('begins' in said) {
        last = said.begins
        clock = setTimeout(late, longest)
      } else finish(said.found && { reader, why: said.found.why, bytes: Buffer.from(said.found.bytes, 'base64') })
    }
    const gone = (code: number | null, signal: string | null): void => {
      const how =
        signal === 'SIGKILL' ? `has no answer after ${longest / 1000} s` : `ends (${signal ?? code}): ${printed}`
      if (last < 0) reject(new Error(`the process that reads does not start, it ${how}`))
      else finish(atLast(`its process ${how}`))
    }
    child.stderr?.on('data', listen)
    child.on('message', hear).on('close', gone)
    child.send(task)
  })

/** The first finding of each reader, of `cases` cases spread over all; `told` hears of each reader that is through. */
export const fuzz = async (
  {
    cases,
    seed,
    only,
  }: { readonly cases: number; readonly seed: number; readonly only?: readonly string[] | undefined },
  told: (reader: string, cases: number, found: Finding | undefined, seconds: number) => void = () => {},
): Promise<readonly Finding[]> => {
  const chosen = Object.entries(readers).filter(([reader]) => only?.includes(reader) ?? true)
  const shares = chosen.reduce((sum, [, { share }]) => sum + share, 0)
  const findings: Finding[] = []
  let child: ChildProcess | undefined
  for (const [reader, { share }] of chosen) {
    child ??= start()
    const began = performance.now()
    const task = { reader, seed, cases: Math.ceil((cases * share) / shares) }
    const found = await ask(child, task)
    if (child.exitCode !== null || child.signalCode !== null) child = undefined
    if (found !== undefined) findings.push(found)
    told(reader, task.cases, found, (performance.now() - began) / 1000)
  }
  child?.disconnect()
  return findings
}

/** The beginning of a file in a line: as text where it is text. */
export const shown = ({ bytes }: Finding): string => {
  const most = 2_000
  const first = Buffer.from(bytes.subarray(0, most))
  const isText = first.every(byte => byte >= 0x20 && byte < 0x7f)
  const [kind, text] = isText ? ['text', first.toString()] : ['base64', first.toString('base64')]
  return `${bytes.length} bytes, as ${kind}: ${text}${bytes.length > most ? '…' : ''}`
}
