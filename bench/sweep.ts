/**
 * Does a matrix product ever take longer than a larger one? Rows M x 1024 times a weight 1024 x 1024, M a named size: one program, one
 * kernel for all M. A run is what a caller waits for, its input uploaded. Around multiples of tiles and at primes time may jump; a size
 * should not cost more than 1.15 of a larger one.
 *
 *   npx tsx --conditions=sluice-source bench/sweep.ts [--all | --quick]
 */
import { parseArgs } from 'node:util'
import { compile, input, param, value } from 'sluice'
import { matmul } from 'sluice/ops'
import { falls, figure, interleaved, median, opened, ratio, timed, type Sample } from './measure.ts'
import { emit, progress } from './report.ts'

const { values: chosen } = parseArgs({ options: { all: { type: 'boolean' }, quick: { type: 'boolean' } } })
const most = 4096
const [inner, outer] = [1024, 1024] as const

const upTo = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i + 1)
const isPrime = (n: number): boolean => n > 1 && !upTo(Math.floor(Math.sqrt(n))).some(d => d > 1 && n % d === 0)
/** Small sizes all, then both neighbours of what tiles are made of, and a prime in between. */
const sampled = (): readonly number[] => {
  const steps = [80, 96, 128, 160, 192, 256, 320, 384, 512, 576, 640, 768, 1024, 1152, 1536, 2048, 2304, 3072, most]
  const around = steps.flatMap(n => [n - 1, n, n + 1, upTo(most).find(p => p > n && isPrime(p)) ?? n])
  return [...new Set([...upTo(64), 577, 584, 592, ...around])].filter(n => n <= most).sort((a, b) => a - b)
}
const quickly = [1, 2, 4, 8, 15, 16, 17, 31, 32, 33, 64, 127, 128, 129, 256, 576, 577, 592, 640, 1024, 2048]
const sizes = chosen.all === true ? upTo(most) : chosen.quick === true ? quickly : sampled()
const rounds = chosen.all === true ? 1 : 5

const program = await opened(compile(matmul(input('x', ['rows', inner]), param('w', [inner, outer]))))
const numbers = Float32Array.from({ length: most * inner }, (_, i) => ((i * 7919) % 1009) / 1009 - 0.5)
/** The least of a few runs: the first makes the plan for this size, and a run of microseconds is repeated. */
const once = (rows: number) => async (): Promise<number> => {
  const feeds = { x: value([rows, inner], numbers.subarray(0, rows * inner)) }
  const run = (): Promise<unknown> => opened(program.run(feeds, { read: [] }))
  await run()
  let least = Infinity
  let spent = 0
  for (let i = 0; i < 10 && (i < 2 || spent < 15); i++) {
    const time = await timed(run)
    spent += time
    least = Math.min(least, time)
  }
  return least
}

const times = await interleaved(sizes.map(once), rounds, round => progress(`round ${round} of ${rounds}`))
const samples = sizes.map((size, i): Sample => ({ size, time: median(times[i]!) }))
/** Pairs that look worst, measured again side by side: of many noisy ratios the largest is mostly noise. */
const suspects = falls(samples).slice(0, chosen.quick === true ? 4 : 12)
const again = []
for (const { size, larger, ratio: first } of suspects) {
  const [smaller, bigger] = (await interleaved([once(size), once(larger)], 11)) as [number[], number[]]
  again.push({ size, larger, first, ratio: ratio(smaller, bigger) })
  progress(`${size} against ${larger}: ${figure(ratio(smaller, bigger))}`)
}
const worst = again.toSorted((a, b) => b.ratio - a.ratio)[0]
const primes = [
  [577, 576],
  [577, 592],
  [577, 640],
] as const
const beside = []
for (const [prime, neighbour] of primes) {
  const [a, b] = (await interleaved([once(prime), once(neighbour)], 11)) as [number[], number[]]
  beside.push({ prime, neighbour, ratio: ratio(a, b) })
}

const flops = (rows: number): number => 2 * rows * inner * outer
emit({
  title: 'Time by number of rows',
  command: `bench/sweep.ts${chosen.all === true ? ' --all' : ''}`,
  says: [
    `x [M, ${inner}] times a weight [${inner}, ${outer}], M a named size: one kernel for all ${sizes.length} sizes from 1 to ${sizes.at(-1)}.`,
    `Worst time(M) / time(M') for M < M': ${worst === undefined ? 'none' : `${figure(worst.ratio)} (M = ${worst.size}, M' = ${worst.larger})`}. Goal: at most 1.15.`,
  ],
  tables: [
    {
      caption: `Median of ${rounds} rounds`,
      head: ['rows', 'ms', 'GFLOP/s'],
      rows: samples
        .filter((_, i) => sizes.length < 400 || i % 32 === 0)
        .map(({ size, time }) => [`${size}`, figure(time), figure(flops(size) / time / 1e6)]),
    },
    {
      caption: 'The worst pairs, measured again side by side (median of 11 rounds)',
      head: ['M', "M'", 'in the sweep', 'again'],
      rows: again.map(f => [`${f.size}`, `${f.larger}`, figure(f.first), figure(f.ratio)]),
    },
    {
      caption: 'A prime number of rows and its neighbours',
      head: ['rows', 'against', 'time ratio'],
      rows: beside.map(b => [`${b.prime}`, `${b.neighbour}`, figure(b.ratio)]),
    },
  ],
  data: { samples, again, beside },
})
program.device.dispose()
