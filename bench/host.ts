/**
 * What the host costs: MG-LLaVA with Vicuna-7B in its full size, built, compiled and encoded, with no weights and no GPU.
 *
 *   npx tsx --conditions=sluice-source bench/host.ts
 */
import { hostOverhead } from './host-overhead.ts'
import { figure } from './measure.ts'
import { emit } from './report.ts'

// as a program meets it: the first time everything is done, in a process of its own
const found = [await hostOverhead('lavapipe'), await hostOverhead('gpu')]
const row = (what: string, goal: string, of: (f: (typeof found)[number]) => number): readonly string[] => [
  what,
  ...found.map(f => figure(of(f))),
  goal,
]
emit({
  title: 'Host overhead',
  command: 'bench/host.ts',
  says: [
    "MG-LLaVA with Vicuna-7B in its full size, on Dawn's null backend: what the host does, without weights and without a GPU.",
    'Everything once, the second column after the first in one process; other plans are the median of 60, encoding of 9.',
  ],
  tables: [
    {
      caption: 'Milliseconds',
      head: ['', ...found.map(f => f.tuning), 'goal'],
      rows: [
        row('build the graph', '< 300', f => f.build),
        row('compile: graph to program', '< 3000', f => f.compile),
        row('  lower', '', f => f.lower),
        row('  plan memory', '', f => f.plan),
        row('  make pipelines', '', f => f.pipelines),
        row('plan other sizes', '< 1', f => f.replan),
        row('bind groups, once for each choice of sizes', '', f => f.bind),
        row('encode a run', '< 10, with copies < 20', f => f.encode),
      ],
    },
    {
      caption: 'Of how much',
      head: ['', ...found.map(f => f.tuning)],
      rows: (['nodes', 'passes', 'copies', 'prepare', 'kernels'] as const).map(what => [
        what,
        ...found.map(f => `${f[what]}`),
      ]),
    },
  ],
  data: found,
})
