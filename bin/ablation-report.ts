/** What an ablation found: of every variant how much is answered right, as numbers, as a table, and as a drawing. */
import { interval, marksWithoutLooking, type Turn } from '../models/index.ts'

/** One run: whether each question was answered right, in the order of the exam, and what the run took. */
export interface Result {
  readonly variant: string
  readonly seed: number
  /** a letter for each question, 1 where it was answered right, else 0 */
  readonly marks: string
  /** numbers that were trained */
  readonly trained: number
  /** null where the process that finished the run made no step of it */
  readonly secondsPerStep: number | null
}

export interface Row {
  readonly name: string
  /** share of right answers by seed, in the order of the runs; none for who does not look */
  readonly seeds: readonly { readonly seed: number; readonly right: number }[]
  readonly right: number
  /** 95 %, for other questions of the same kind to the same runs */
  readonly interval: readonly [low: number, high: number]
  /** mean over the seeds, by family, in the order of the exam's first questions */
  readonly families: Readonly<Record<string, number>>
  /** right more often than the first variant, question by question, and half of its 95 % interval */
  readonly ahead?: readonly [difference: number, half: number]
  readonly trained?: number
  readonly secondsPerStep?: number
}
export interface Ablation {
  readonly questions: number
  readonly families: Readonly<Record<string, number>>
  readonly variants: readonly Row[]
  readonly blind: Row
}

const mean = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length
const familyOf = ({ family }: Turn): readonly string[] => (family === undefined ? [] : [family])

/** Those of who does not look, as a result has marks. */
export const blindMarks = (training: readonly Turn[], exam: readonly Turn[]): string =>
  marksWithoutLooking(training, exam)
    .map(right => (right ? '1' : '0'))
    .join('')

/** Half of the 95 % interval of a mean of many. */
const half = (xs: readonly number[]): number => {
  const middle = mean(xs)
  return 1.96 * Math.sqrt(mean(xs.map(x => (x - middle) ** 2)) / xs.length)
}

/** Share of right answers to every question, over some runs. */
const sharesOf = (marks: readonly string[]): readonly number[] =>
  Array.from(marks[0] ?? '', (_, q) => mean(marks.map(of => Number(of[q]))))
const rowOf = (name: string, exam: readonly Turn[], marks: readonly string[]): Omit<Row, 'seeds'> => {
  const shares = sharesOf(marks)
  const right = mean(shares)
  const families = [...new Set(exam.flatMap(familyOf))].map(family => {
    const of = shares.filter((_, q) => exam[q]!.family === family)
    return [family, mean(of)] as const
  })
  const wilson = interval({ right: right * exam.length, asked: exam.length })
  return { name, right, interval: wilson, families: Object.fromEntries(families) }
}

/** What some runs found; variants in the order of the runs, of which the first is what others are compared with. */
export const ablationOf = (exam: readonly Turn[], training: readonly Turn[], results: readonly Result[]): Ablation => {
  const names = [...new Set(results.map(({ variant }) => variant))]
  const runsOf = (name: string): readonly Result[] => results.filter(({ variant }) => variant === name)
  const marksOf = (name: string): readonly string[] => runsOf(name).map(({ marks }) => marks)
  const first = sharesOf(marksOf(names[0] ?? ''))
  const variants = names.map((name, k): Row => {
    const runs = runsOf(name)
    const differences = sharesOf(marksOf(name)).map((share, q) => share - first[q]!)
    const times = runs.flatMap(({ secondsPerStep }) => secondsPerStep ?? [])
    return {
      ...rowOf(name, exam, marksOf(name)),
      seeds: runs.map(({ seed, marks }) => ({ seed, right: mean([...marks].map(Number)) })),
      trained: runs[0]!.trained,
      ...(k === 0 ? {} : { ahead: [mean(differences), half(differences)] as const }),
      ...(times.length === 0 ? {} : { secondsPerStep: mean(times) }),
    }
  })
  const counts = new Map<string, number>()
  for (const family of exam.flatMap(familyOf)) counts.set(family, (counts.get(family) ?? 0) + 1)
  const blind = { ...rowOf('blind', exam, [blindMarks(training, exam)]), seeds: [] }
  return { questions: exam.length, families: Object.fromEntries(counts), variants, blind }
}

const percent = (share: number): string => (100 * share).toFixed(1)
const spreadOf = ({ seeds }: Row): string => {
  const rights = seeds.map(({ right }) => right)
  return rights.length < 2 ? '' : `${percent(Math.min(...rights))} to ${percent(Math.max(...rights))}`
}
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, k) => (k === 0 ? '---' : '---:')), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')

/** The tables, as Markdown. */
export const ablationPage = ({ questions, families, variants, blind }: Ablation): string => {
  const signed = (share: number): string => `${share < 0 ? '−' : '+'}${percent(Math.abs(share))}`
  const rows = [...variants, blind].map(row => [
    row.name,
    percent(row.right),
    spreadOf(row),
    `${percent(row.interval[0])} to ${percent(row.interval[1])}`,
    row.ahead === undefined ? '' : `${signed(row.ahead[0])} ± ${percent(row.ahead[1])}`,
    row.trained?.toLocaleString('en') ?? '',
    row.secondsPerStep?.toPrecision(3) ?? '',
  ])
  const head = [
    'variant',
    'right, %',
    'seeds, lowest to highest',
    '95 % of the questions',
    `against ${variants[0]?.name ?? 'the first'}`,
    'trained numbers',
    'seconds a step',
  ]
  const named = Object.entries(families)
  const counted = `${questions} questions, every one asked by itself; right is what is right as a whole.`
  const byFamily = table(
    ['right, %', ...named.map(([family, count]) => `${family} (${count})`)],
    [...variants, blind].map(row => [row.name, ...named.map(([family]) => percent(row.families[family]!))]),
  )
  return [table(head, rows), counted, ...(named.length === 0 ? [] : [byFamily])].join('\n\n') + '\n'
}

const [width, left, right, line, top] = [760, 220, 24, 30, 44]
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** A drawing: a dot for every seed, the mean, the spread of the seeds, and as a band the 95 % interval of the questions. */
export const ablationPlot = ({ questions, variants, blind }: Ablation): string => {
  const shares = [blind.right, ...variants.flatMap(row => [...row.interval, ...row.seeds.map(seed => seed.right)])]
  const step = 0.05
  const low = Math.max(0, Math.floor(Math.min(...shares) / step - 0.2) * step)
  const high = Math.min(1, Math.ceil(Math.max(...shares) / step + 0.2) * step)
  const x = (share: number): string => (left + ((width - left - right) * (share - low)) / (high - low)).toFixed(1)
  const bottom = top + line * variants.length
  const every = Math.max(1, Math.ceil((high - low) / step / 10))
  const ticks = Array.from({ length: Math.round((high - low) / step / every) + 1 }, (_, k) => low + k * every * step)
  const rows = variants.map((row, k) => {
    const y = top + line * (k + 0.5)
    const rights = row.seeds.map(seed => seed.right)
    const [from, to] = row.interval
    return [
      `<text x="${left - 12}" y="${y + 4}" text-anchor="end">${escaped(row.name)}</text>`,
      `<rect x="${x(from)}" y="${y - 8}" width="${(Number(x(to)) - Number(x(from))).toFixed(1)}" height="16" fill="#e3ecf7"/>`,
      `<line x1="${x(Math.min(...rights))}" x2="${x(Math.max(...rights))}" y1="${y}" y2="${y}" stroke="#1f4e8c"/>`,
      `<line x1="${x(row.right)}" x2="${x(row.right)}" y1="${y - 9}" y2="${y + 9}" stroke="#1f4e8c" stroke-width="2"/>`,
      ...rights.map(share => `<circle cx="${x(share)}" cy="${y}" r="3.5" fill="#1f4e8c" fill-opacity="0.7"/>`),
    ].join('\n')
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom + 40}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${bottom + 40}" fill="white"/>
<text x="${left}" y="18" font-size="13">Right answers to ${questions} questions, %</text>
${ticks.map(share => `<line x1="${x(share)}" x2="${x(share)}" y1="${top - 6}" y2="${bottom}" stroke="#ddd"/><text x="${x(share)}" y="${bottom + 16}" text-anchor="middle">${(100 * share).toFixed(0)}</text>`).join('\n')}
<line x1="${x(blind.right)}" x2="${x(blind.right)}" y1="${top - 6}" y2="${bottom}" stroke="#a33" stroke-dasharray="4 3"/>
<text x="${x(blind.right)}" y="${top - 10}" text-anchor="middle" fill="#a33">blind</text>
${rows.join('\n')}
<text x="${left}" y="${bottom + 34}" fill="#555">dot: a seed; upright: mean of the seeds; band: 95 % interval of the questions</text>
</svg>
`
}
