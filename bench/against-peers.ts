/**
 * Sluice against the other tensor libraries that run on this adapter (bench/peers): five workloads, all libraries in one run, taking
 * turns. Ratios are of the same rounds; a bare time says nothing on a shared machine. Installs the peers at the first run.
 *
 *   npx tsx --conditions=sluice-source bench/against-peers.ts [--quick] [--work matmul,attn] [--peers raw-wgsl,jax-webgpu]
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { figure, ratio } from './measure.ts'
import { peersFolder } from './peers.ts'
import { WORKLOADS, type Workload } from './peers/lib/data.mjs'
import { emit, progress, type Table } from './report.ts'

const { values: chosen } = parseArgs({
  options: { quick: { type: 'boolean' }, work: { type: 'string' }, peers: { type: 'string' } },
})
const quick = chosen.quick === true
const folder = peersFolder()
const results = fileURLToPath(new URL('./out/peers.json', import.meta.url))

/** Goals for time / raw-wgsl; for training for time / jax-webgpu, since there is no hand-written one. */
const goals: Readonly<Record<Workload, readonly [base: string, goal: number]>> = {
  matmul: ['raw-wgsl', 0.28],
  attn: ['raw-wgsl', 0.12],
  dwconv: ['raw-wgsl', 0.35],
  mlp: ['raw-wgsl', 0.28],
  mlpgrad: ['jax-webgpu', 0.15],
}
const works = (chosen.work?.split(',') ?? WORKLOADS) as readonly Workload[]
const peers = chosen.peers ?? 'raw-wgsl,jax-webgpu,tfjs-webgpu,ort-node-webgpu'

interface Row {
  readonly w: Workload
  readonly peer: string
  readonly skip?: boolean
  readonly err?: string
  readonly setup: number
  readonly first: number
  readonly t: readonly number[]
  readonly median: number
  readonly gflops: number
  readonly maxRelErr: number
}

mkdirSync(new URL('./out/', import.meta.url), { recursive: true })

const measure = (work: Workload): Promise<readonly Row[]> =>
  new Promise((resolve, reject) => {
    const rounds = quick ? 3 : work === 'mlpgrad' ? 5 : 9
    const options = ['--ours', fileURLToPath(new URL('./adapter.ts', import.meta.url)), '--peers', peers]
    const limits = ['--work', work, '--rounds', `${rounds}`, '--budget', quick ? '5' : '40', '--out', results]
    const node = ['--import', 'tsx', '--conditions=sluice-source']
    const child = spawn(process.execPath, [...node, 'run.mjs', ...options, ...limits], { cwd: folder, stdio: 'ignore' })
    child.on('exit', code => {
      if (code !== 0) reject(new Error(`bench/peers/run.mjs ended with ${code}`))
      else resolve((JSON.parse(readFileSync(results, 'utf8')) as { readonly rows: readonly Row[] }).rows)
    })
  })

const rightness = (error: number): string =>
  error < 1e-4
    ? error.toExponential(1)
    : error < 5e-3
      ? `${error.toExponential(1)}, as of f16`
      : `${error.toExponential(1)}: WRONG`

const tables: Table[] = []
const summary: (readonly string[])[] = []
const data: Row[] = []
for (const work of works) {
  progress(work)
  const rows = (await measure(work)).filter(row => row.skip !== true)
  data.push(...rows)
  const [ours, ...others] = rows
  const [base, goal] = goals[work]
  const against = (other: Row | undefined): number | undefined =>
    ours === undefined || ours.err !== undefined || other === undefined || other.err !== undefined
      ? undefined
      : ratio(ours.t, other.t)
  const shown = (row: Row): readonly string[] => {
    if (row.err !== undefined) return [row.peer, '', '', '', '', row.err.slice(0, 80)]
    const times = against(row)
    const cells = [row.setup + row.first, row.median, row.gflops, times ?? NaN].map(figure)
    return [row.peer === 'ours' ? 'Sluice' : row.peer, ...cells, rightness(row.maxRelErr)]
  }
  tables.push({
    caption: work,
    head: ['', 'first ms', 'median ms', 'GFLOP/s', 'Sluice takes', 'error'],
    rows: rows.map(shown),
  })
  const reached = against(others.find(row => row.peer === base))
  const libraries = others.filter(row => row.peer !== 'raw-wgsl')
  const slowest = libraries.map(row => against(row)).filter(r => r !== undefined)
  summary.push([
    work,
    base,
    reached === undefined ? '–' : figure(reached),
    `at most ${goal}`,
    reached === undefined ? '–' : reached <= goal ? 'yes' : 'no',
    slowest.length === 0 ? '–' : figure(Math.max(...slowest)),
  ])
}
emit({
  title: 'Against the peers',
  command: 'bench/against-peers.ts',
  says: [
    'Every library in its own process, runs taking turns; ratios are medians of the ratios of the same round.',
    "Sluice's operands that come at run time are packed and copied within the run. Errors are against float64, relative to the largest value.",
  ],
  tables: [
    {
      caption: "Sluice's time by that of others",
      head: ['workload', 'base', 'time / base', 'goal', 'reached', 'time / fastest library'],
      rows: summary,
    },
    ...tables,
  ],
  data,
})
