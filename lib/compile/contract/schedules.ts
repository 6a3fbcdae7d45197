/**
 * The schedules of a contraction and how one is chosen: by an estimate of time that counts loads, since a load costs as much as twenty
 * multiply-adds on lavapipe, plus what compiling the kernel costs, since small work is done before a big kernel is compiled.
 * Numbers are measured on lavapipe for eight lanes (a load from a buffer 5 ns, a multiply-add 0.3 ns); a GPU's are in proportion.
 */
import { size, type Dim } from '../../shape/index.ts'
import type { KernelSource } from '../kernel.ts'
import { channels, channelsFit } from './channels.ts'
import { matvec, matvecFits, matvecFitsWith, matvecLanes } from './matvec.ts'
import { panels, panelsCompiling, panelsCopies, panelsFetches, panelsFit, panelsProducts } from './panels.ts'
import { alongK, runsAlong, storesAlong, type Problem } from './problem.ts'
import { shared, sharedFits, sharedTiles } from './shared.ts'
import { partsOfK, split, splitFits } from './split.ts'
import { storedPanels, storedPanelsFit } from './stored-panels.ts'
import { aboutSize } from '../usual.ts'
import { taps, tapsFit, tapsLoads } from './taps.ts'
import { tiles } from './tiles.ts'
import { windows, windowsFit, windowsLoads } from './windows.ts'

export interface Schedule {
  readonly name: string
  readonly fits: (problem: Problem) => boolean
  /** multiply-adds that it makes, where padding adds to those of the problem */
  readonly products?: (problem: Problem) => Dim
  /** floats loaded from buffers for one multiply-add, and from images */
  readonly loads: (problem: Problem) => number
  readonly fetches?: (problem: Problem) => number
  /** numbers packed before it, at every run, and the steps beside its own pass that this and copies into images take */
  readonly copies?: (problem: Problem) => { readonly numbers: Dim; readonly steps: number }
  /** does it read weights in the storage that was chosen when compiling? */
  readonly stored?: true
  /** seconds that the driver takes to compile it */
  readonly compiling: (problem: Problem) => number
  readonly make: (problem: Problem) => KernelSource
}

const matvecName = (lanes: number): string => `matvec, ${lanes} lanes`

export const schedules: readonly Schedule[] = [
  {
    name: 'tiles',
    fits: () => true,
    // four rows by four columns: eight vectors for sixteen products of four; single numbers cost an address each
    loads: p => {
      const rows = Math.min(4, Number(p.m) || 4)
      const vectors = alongK(p, p.a) && (alongK(p, p.b) || runsAlong(p.context, p, 'n', p.b))
      return vectors ? (rows + 4) / (4 * rows) : 4 / rows
    },
    compiling: () => 0.35,
    make: tiles,
  },
  {
    name: 'panels',
    fits: panelsFit,
    loads: () => 0,
    products: panelsProducts,
    fetches: panelsFetches,
    copies: panelsCopies,
    compiling: panelsCompiling,
    make: panels,
  },
  {
    name: 'channels',
    fits: channelsFit,
    // four positions share the factor of their channels
    loads: () => 5 / 4,
    compiling: () => 0.4,
    make: channels,
  },
  {
    name: 'windows',
    fits: windowsFit,
    loads: windowsLoads,
    compiling: () => 1,
    make: windows,
  },
  {
    name: 'taps',
    fits: tapsFit,
    loads: tapsLoads,
    compiling: () => 1,
    make: taps,
  },
  {
    name: 'matvec',
    fits: matvecFits,
    // every number of b once for a row, from an image where there are any
    loads: ({ context }) => (context.profile.imageRows > 0 ? 0 : 1),
    fetches: ({ context }) => (context.profile.imageRows > 0 ? 1 : 0),
    stored: true,
    compiling: () => 0.3,
    make: problem => matvec(problem),
  },
  ...matvecLanes.map((lanes): Schedule => ({
    name: matvecName(lanes),
    fits: matvecFitsWith(lanes),
    loads: () => 1,
    stored: true,
    // measured, not estimated: later than the one before
    compiling: () => 0.4,
    make: problem => matvec(problem, lanes),
  })),
  {
    name: 'stored panels',
    fits: storedPanelsFit,
    loads: () => 1 / 32 + 1 / 16,
    stored: true,
    compiling: () => 1,
    make: problem => storedPanels(problem, lanesOfOneRow(problem)),
  },
  ...sharedTiles.map((tile, i): Schedule => ({
    name: tile.name,
    fits: sharedFits(tile),
    // which of them is faster differs from GPU to GPU, so it is measured (`sluice tune`), and until then it is the first
    loads: () => 1 / 16,
    compiling: () => 0.5 + i / 10,
    make: shared(tile),
  })),
  {
    name: 'split',
    fits: splitFits,
    // parts are made side by side
    products: p => aboutSize(size.prod([p.batch, p.m, p.n, p.k])) / partsOfK(p),
    loads: () => 1 / 16,
    copies: () => ({ numbers: 0, steps: 1 }),
    compiling: () => 0.7,
    make: split,
  },
]

const seconds = (schedule: Schedule, problem: Problem): number => {
  const { batch, m, n, k, context } = problem
  const products = aboutSize(schedule.products?.(problem) ?? size.prod([batch, m, n, k]))
  const { numbers, steps } = schedule.copies?.(problem) ?? { numbers: 0, steps: 0 }
  const storedSingly = storesAlong(problem) ? 0 : aboutSize(size.prod([batch, m, n]))
  const each = 0.3 + 5 * schedule.loads(problem) + 3 * (schedule.fetches?.(problem) ?? 0)
  const nanoseconds = (products / 8) * each + (aboutSize(numbers) / 8) * 30 + steps * 1e5 + (storedSingly / 8) * 20
  return nanoseconds * 1e-9 * context.runs + schedule.compiling(problem)
}

/** Products that are tuned together: sizes to the nearest power of two, how the numbers lie, their storage, and what fits. */
const classOf = (problem: Problem, fitting: readonly string[]): string => {
  const { context, batch, m, n, k, a, b } = problem
  const sizes = [batch, m, n, k].map(d => 2 ** Math.round(Math.log2(aboutSize(d))))
  const lying = [
    alongK(problem, a) ? 'k' : 'm',
    alongK(problem, b) ? 'k' : runsAlong(context, problem, 'n', b) ? 'n' : '-',
    storesAlong(problem) ? 'n' : 'm',
  ]
  return `${sizes.join(' x ')}, along ${lying.join(' ')}, ${context.weights}: ${fitting.toSorted().join(', ')}`
}

interface Choice {
  readonly name: string
  readonly schedule: Schedule
  readonly problem: Problem
}
/** The arrangement and schedule that were measured fastest on the device, else those that are estimated fastest; `like` if it can be had. */
const choiceOf = (problems: readonly Problem[], like?: string): Choice => {
  const choices = problems.flatMap((problem, k) =>
    schedules
      .filter(s => s.fits(problem))
      .map(schedule => ({ name: `${schedule.name} ${k}`, schedule, problem, cost: seconds(schedule, problem) })),
  )
  // a storage is chosen for its memory, so what can keep to it does
  const stored = choices.filter(({ schedule, problem }) => schedule.stored && problem.context.weights !== 'f32')
  const able = stored.length > 0 ? stored : choices
  const estimated = able.reduce((best, choice) => (choice.cost < best.cost ? choice : best))
  const measured = (): string | undefined => {
    const [problem] = problems
    const { choose } = (problem as Problem).context.profile
    const names = [estimated, ...able.filter(choice => choice !== estimated)].map(({ name }) => name)
    return choose?.(classOf(problem as Problem, names), names)
  }
  const given = choices.find(({ name }) => name === like)
  const wanted = given === undefined ? measured() : undefined
  return given ?? able.find(({ name }) => name === wanted) ?? estimated
}
/** The lanes that were measured fastest for one row of a product whose number of rows is known when it runs. */
const lanesOfOneRow = (problem: Problem): number | undefined => {
  if (problem.context.profile.tuning !== 'gpu') return undefined
  const { name } = choiceOf([{ ...problem, m: 1 }])
  return matvecLanes.find(lanes => name === `${matvecName(lanes)} 0`)
}

/** The kernel of the choice; a part takes that of the whole, if it can. */
export const fastest = (problems: readonly Problem[], like?: string): KernelSource => {
  const { name, schedule, problem } = choiceOf(problems, like)
  return { ...schedule.make(problem), schedule: name }
}
