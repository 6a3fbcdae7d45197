/**
 * The first run on a machine that has never seen the program: processes of their own with an empty cache of the driver. Set-up, compile
 * and first run of the peers' mlp for Sluice and tfjs, taking turns; then a whole tiny MG-LLaVA from its folder to an answer, with the
 * seconds that each of its kernels took to compile.
 *
 *   npx tsx --conditions=sluice-source bench/cold.ts [--quick]
 */
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { figure, median, ratio } from './measure.ts'
import { emit, progress } from './report.ts'
import type { Answered } from './cold-answer.ts'

const quick = process.argv.includes('--quick')
const rounds = quick ? 1 : 5
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const typescript = ['--import', 'tsx', '--conditions=sluice-source']

/** Runs `use` with a cache folder of the driver that is empty, and gone afterwards. */
const coldly = async <A>(use: (env: NodeJS.ProcessEnv) => Promise<A>): Promise<A> => {
  const cache = mkdtempSync(join(tmpdir(), 'cold-'))
  try {
    return await use({ ...process.env, MESA_SHADER_CACHE_DIR: cache, XDG_CACHE_HOME: cache })
  } finally {
    rmSync(cache, { recursive: true, force: true })
  }
}
interface Reply {
  readonly ms: number
  readonly err?: string
}
interface Start {
  /** loading the library and opening the device */
  readonly init: number
  readonly setup: number
  readonly first: number
}
/** A peer's worker (bench/peers/lib/worker.mjs) through its first run. */
const start = (adapter: string, execArgv: readonly string[]): Promise<Start> =>
  coldly(
    env =>
      new Promise((resolve, reject) => {
        const child = fork(here('./peers/lib/worker.mjs'), [adapter], {
          env,
          execArgv: [...execArgv],
          cwd: here('./peers/'),
          stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
        })
        const commands = ['init', 'setup', 'run']
        const took: number[] = []
        const next = (): void => void child.send({ cmd: commands[took.length], w: 'mlp' })
        child.on('message', (reply: Reply) => {
          if (reply.err !== undefined) reject(new Error(`${adapter}: ${reply.err}`))
          took.push(reply.ms)
          if (took.length < commands.length) next()
          else {
            child.kill()
            resolve({ init: took[0]!, setup: took[1]!, first: took[2]! })
          }
        })
        child.on('exit', code => reject(new Error(`${adapter}: ended with ${code}`)))
        next()
      }),
  )
const answer = (): Promise<Answered> =>
  coldly(
    env =>
      new Promise((resolve, reject) => {
        const child = fork(here('./cold-answer.ts'), [], {
          env,
          execArgv: typescript,
          stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
        })
        child.on('message', (answered: Answered) => resolve(answered))
        child.on('exit', code => reject(new Error(`cold-answer.ts ended with ${code}`)))
      }),
  )

const [ours, theirs]: [Start[], Start[]] = [[], []]
for (let round = 0; round < rounds; round++) {
  ours.push(await start(here('./adapter.ts'), typescript))
  theirs.push(await start('tfjs-webgpu', []))
  progress(`mlp, round ${round + 1} of ${rounds}`)
}
const total = ({ setup, first }: Start): number => setup + first
const times = ratio(ours.map(total), theirs.map(total))
const row = (name: string, starts: readonly Start[]): readonly string[] => [
  name,
  ...[(s: Start) => s.init, (s: Start) => s.setup, (s: Start) => s.first, total].map(of =>
    figure(median(starts.map(of))),
  ),
]

const answers: Answered[] = []
for (let round = 0; round < (quick ? 1 : 3); round++) {
  answers.push(await answer())
  progress(`tiny MG-LLaVA, round ${round + 1}: ${figure(answers.at(-1)!.seconds)} s`)
}
const kernels = answers[0]!.kernels
const compiling = kernels.reduce((sum, k) => sum + k.seconds, 0)
emit({
  title: 'Cold start',
  command: 'bench/cold.ts',
  says: [
    `Processes of their own, each with an empty shader cache. Set-up, compile and first run of mlp take ${figure(times)} of tfjs's time (median of ${rounds} rounds). Goal: at most 1.`,
    `A whole tiny MG-LLaVA, from starting the process to the end of its answer: ${figure(median(answers.map(a => a.seconds)))} s (goal: under 45 s), ${kernels.length} distinct kernels, ${figure(compiling)} s of compiling them over all threads.`,
  ],
  tables: [
    {
      caption: 'mlp, milliseconds, medians',
      head: ['', 'load and open', 'set up, compile', 'first run', 'the last two'],
      rows: [row('Sluice', ours), row('tfjs', theirs)],
    },
    {
      caption: 'Kernels of the tiny MG-LLaVA, seconds each to compile',
      head: ['kernel', 'seconds'],
      rows: kernels.toSorted((a, b) => b.seconds - a.seconds).map(k => [k.label, figure(k.seconds)]),
    },
  ],
  data: { ours, theirs, answers },
})
