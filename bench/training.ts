/**
 * A step of training: forward, loss, gradients, clipping by their norm, AdamW. Of ConvNeXt and of the language model of examples/emoji, beside
 * tfjs on the same adapter (ConvNeXt) and PyTorch on the same processor, from the same weights and batches: the losses of the first steps
 * must agree. And what a step needs of memory: as planned, as measured, and with blocks computed again for their gradients.
 *
 *   SLUICE_PYTHON=python-with-torch npx tsx --conditions=sluice-source bench/training.ts [--quick]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { contestant, noTorch, python, type Contestant } from './contestant.ts'
import { figure, interleaved, median, ratio } from './measure.ts'
import { peersFolder } from './peers.ts'
import { emit, progress, type Table } from './report.ts'
import type { Ready, Turn } from './training-sluice.ts'
import { leave, lessons, type LessonName } from './training-steps.ts'

const rounds = process.argv.includes('--quick') ? 2 : 9
const compared = 3
/**
 * How far a loss may be from PyTorch's, relative to it: in float32 a mean of surprises is good to about 1e-7 and 40 times that is allowed; after
 * an update it carries the differences of the parameters, and four times more is. The references of training are held to the same.
 */
const limits = [5e-6, ...Array.from({ length: compared - 1 }, () => 2e-5)]

type Taking = Contestant<Ready, Turn>
type Starter = (lesson: LessonName, folder: string) => Taking
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const sluice =
  (...more: readonly string[]): Starter =>
  lesson =>
    contestant(
      [process.execPath, '--import', 'tsx', '--conditions=sluice-source', here('training-sluice.ts'), lesson, ...more],
      'look at what it printed',
    )
const torch =
  (threads: number): Starter =>
  (_, folder) =>
    contestant([python, here('training_torch.py'), folder, `${threads}`], noTorch)
const tfjs: Starter = (_, folder) =>
  contestant([process.execPath, join(peersFolder(), 'training-tfjs.mjs'), folder], 'look at what it printed')

const [ours, again, theirs] = ['Sluice', 'Sluice, blocks computed again', 'PyTorch, 2 threads'] as const
const everyone: Readonly<Record<string, Starter>> = {
  [ours]: sluice(),
  [again]: sluice('again'),
  [theirs]: torch(2),
  'PyTorch, 1 thread': torch(1),
}
const contests: readonly {
  readonly lesson: LessonName
  readonly what: string
  readonly starters: Readonly<Record<string, Starter>>
}[] = [
  {
    lesson: 'detail',
    what: 'ConvNeXt: 20 squares of 160 x 160 pixels, depths 1 1 2 1, widths 16 32 80 160, 97 classes',
    starters: { ...everyone, 'tfjs on WebGPU': tfjs },
  },
  {
    lesson: 'language',
    what: 'Language model: 16 conversations of four questions about objects, 4 layers, width 128',
    starters: everyone,
  },
]

interface Taken {
  readonly name: string
  readonly ready: Ready
  readonly first: readonly Turn[]
  readonly turns: readonly Turn[]
}
/** One contest: the first steps of everyone, which also warm up, then as many rounds. */
const held = async ({ lesson, starters }: (typeof contests)[number]): Promise<readonly Taken[]> => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-training-'))
  try {
    await leave(folder, lesson, await lessons[lesson]())
    const taking: { name: string; ready: Ready; first: Turn[]; turns: Turn[]; one: Taking }[] = []
    for (const [name, start] of Object.entries(starters)) {
      const one = start(lesson, folder)
      const ready = await one.ready
      const first: Turn[] = []
      while (first.length < compared) first.push(await one.turn())
      taking.push({ name, ready, first, turns: [], one })
      progress(`${lesson}: ${name} is ready`)
    }
    const tasks = taking.map(({ one, turns }) => async () => {
      const turn = await one.turn()
      turns.push(turn)
      return turn.seconds
    })
    await interleaved(tasks, rounds, round => progress(`${lesson}: round ${round} of ${rounds}`))
    for (const { one } of taking) one.end()
    return taking.map(({ one: _, ...rest }) => rest)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const lossesOf = ({ first }: Taken): readonly number[] => first.map(({ loss }) => loss)
/** The largest difference of the first losses from PyTorch's, relative to it; throws where one is beyond its limit. */
const differenceOf = (one: Taken, wanted: Taken): number => {
  const off = lossesOf(one).map((loss, k) => Math.abs(loss / lossesOf(wanted)[k]! - 1))
  const wrong = off.findIndex((difference, k) => !(difference <= limits[k]!))
  if (wrong >= 0)
    throw new Error(
      `${one.name}: loss ${wrong + 1} is off by ${figure(off[wrong]!)} where ${limits[wrong]!} is allowed`,
    )
  return Math.max(...off)
}
const [clock, processor] = [(t: Turn) => 1000 * t.seconds, (t: Turn) => 1000 * t.processor] as const
const megabytes = (bytes: number): string => figure(bytes / 1e6)
const last = ({ turns }: Taken): Turn => turns.at(-1)!

const timesTable = (caption: string, taken: readonly Taken[]): Table => {
  const of = (name: string): Taken => taken.find(one => one.name === name)!
  const row = (one: Taken): readonly string[] => [
    one.name,
    ...[clock, processor].map(by => figure(median(one.turns.map(by)))),
    ...[clock, processor].map(by => figure(ratio(of(ours).turns.map(by), one.turns.map(by)))),
    differenceOf(one, of(theirs)).toExponential(1),
    megabytes(last(one).resident - one.ready.before),
  ]
  return {
    caption,
    head: ['', 'ms', 'processor ms', 'Sluice takes', 'by processor', 'losses differ', 'process grows, MB'],
    rows: taken.map(row),
  }
}
const memoryRow =
  (what: string) =>
  ({ name, ready: { planned }, first, turns }: Taken): readonly (readonly string[])[] => {
    const most = Math.max(...[...first, ...turns].map(turn => turn.held ?? NaN))
    if (Number.isNaN(most)) return []
    if (planned === undefined) return [[what, name, '–', '–', '–', '–', '–', megabytes(most), '–']]
    const { states, work, images, tables, transfer, total, saved } = planned
    return [[what, name, ...[states, work, images, tables + transfer, total, most, saved].map(megabytes)]]
  }

const found = []
for (const contest of contests) found.push({ ...contest, taken: await held(contest) })
const peers = found[0]!.taken.filter(({ name }) => name !== again)
emit({
  title: 'A step of training',
  command: 'npx tsx --conditions=sluice-source bench/training.ts',
  says: [
    `Forward, loss, gradients, clipping by their norm and AdamW of the two larger parts of the emoji model, float32, each contestant in its own process, taking turns: ${peers
      .map(({ ready }) => ready.version)
      .filter((version, k, all) => all.indexOf(version) === k)
      .join('; ')}.`,
    `Same weights, same batch: the losses of the first ${compared} steps are within ${limits[0]} of PyTorch's at first and ${limits[1]} after an update, relative to them, or this fails.`,
    'Ratios are medians of those of the same round, by the clock and by processor time. What is fed goes to the device in every step, loss and norm come back. tfjs offers Adam alone: clipping and the decay of AdamW are written out in its operations.',
    'Memory is counted at every buffer and image that the device makes; a driver in software takes it from the process, beside what its compiler takes. That a thousand steps take no more than a hundred is tested in spec/train/steady.slow.test.ts.',
  ],
  tables: [
    ...found.map(({ what, taken }) => timesTable(`${what}; medians of ${rounds} rounds`, taken)),
    {
      caption:
        'Megabytes of a step on the device: as planned, the most that was measured, and work saved by computing blocks again',
      head: ['', '', 'parameters, moments', 'work', 'images', 'other', 'planned', 'measured', 'saved'],
      rows: found.flatMap(({ lesson, taken }) =>
        taken.flatMap(memoryRow(lesson === 'detail' ? 'ConvNeXt' : 'language')),
      ),
    },
  ],
  data: found.map(({ lesson, taken }) => ({ lesson, taken })),
})
