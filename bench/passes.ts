/**
 * What one run of each workload of the peers' bench dispatches: passes that compute, passes that pack an operand of the run, copies into
 * images, and submits, each with the time that the device says it took.
 *
 *   npx tsx --conditions=sluice-source bench/passes.ts [matmul mlp …]
 */
import { sharedDevice } from 'sluice'
import { workloads } from './adapter.ts'
import { figure, opened } from './measure.ts'
import type { Workload } from './peers/lib/data.mjs'
import { emit, progress, type Table } from './report.ts'

const asked = process.argv.slice(2).filter(a => !a.startsWith('--')) as Workload[]
const works = asked.length > 0 ? asked : (Object.keys(workloads) as Workload[])
const device = await opened(sharedDevice)

/** A pass that only moves an operand to where its kernel wants it. */
const isPack = (label: string): boolean => label.startsWith('pack')
const isCopy = (label: string): boolean => label.startsWith('image of')
const summary: (readonly string[])[] = []
const tables: Table[] = []
const data: unknown[] = []
for (const work of works) {
  progress(work)
  const { program, run, close } = await workloads[work]()
  await run()
  const { submits } = device.counters()
  await run()
  const submitted = device.counters().submits - submits
  const { passes, milliseconds } = await opened(program.profile({}, { rounds: 3 }))
  const packs = passes.filter(p => isPack(p.label))
  const copies = passes.filter(p => isCopy(p.label))
  const computing = passes.length - packs.length - copies.length
  const share = [...packs, ...copies].reduce((sum, p) => sum + p.milliseconds, 0) / milliseconds
  summary.push([
    work,
    `${computing}`,
    `${packs.length}`,
    `${copies.length}`,
    `${submitted}`,
    `${(100 * share).toFixed(1)} %`,
  ])
  tables.push({
    caption: work,
    head: ['block', 'pass', 'ms', 'GFLOP/s'],
    rows: passes.map(p => [p.path, p.label, figure(p.milliseconds), figure(p.flops / p.milliseconds / 1e6)]),
  })
  data.push({ work, passes, submits: submitted })
  await close()
}
emit({
  title: 'What a run dispatches',
  command: 'bench/passes.ts',
  says: ['Goals: mlp in at most 4 passes that compute, its gradient in at most 12, one submit each.'],
  tables: [
    {
      caption: 'Passes of one run',
      head: ['workload', 'compute', 'pack', 'copy', 'submits', 'time of packs and copies'],
      rows: summary,
    },
    ...tables,
  ],
  data,
})
device.dispose()
