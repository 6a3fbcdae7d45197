/**
 * The schedule of small windows that slide over one channel each (depthwise convolution and its like): b depends on n and k through their
 * sum alone, and the batch is all that operands share. A lane walks along one axis with as many sums under way as the window has taps
 * there, so each number is loaded once for all of them; its factors stay beside it. It makes four positions along the other axis that
 * slides: as one vector, or, where channels lie along memory, one by one, with lanes side by side along the channels.
 */
import {
  axis,
  compare,
  literal,
  minus,
  modulo,
  over,
  partsOf,
  plus,
  select,
  unravel,
  type Expr,
} from '../../form/index.ts'
import type { Applied } from '../../graph/index.ts'
import { size, type Dim } from '../../shape/index.ts'
import { aboutSize } from '../usual.ts'
import { elementOf, indent, loader, positionIn, printModule, sideBySide, type KernelSource } from '../kernel.ts'
import { Block, stored, widen, wrap, type Module, type Place, type Text } from '../wgsl.ts'
import { pack } from './packing.ts'
import { runsAlong, type Problem } from './problem.ts'
import { slidesOf } from './sliding.ts'

/** factors that a lane keeps, and sums under way: more do not stay in registers */
const mostTaps = 128
const mostSums = 28

/** An axis of n with the taps of the window that slide along it. */
interface Side {
  /** which axis of n; -1 where n has no axis left for this side */
  readonly n: number
  readonly extent: Dim
  /** which axis of k; none where no window slides here */
  readonly k: number | undefined
  readonly taps: number
  readonly reversed: boolean
}
interface Window {
  /** the axis that a lane walks along, and the one along which it makes several */
  readonly walked: Side
  readonly held: Side
  /** do lanes stand along the channels? */
  readonly channels: boolean
  /** positions of `held` that a lane makes, each a number of its own where lanes stand along channels, else together a vector */
  readonly tall: number
}

const windowOf = (problem: Problem): Window | undefined => {
  const { context, anchor, form, batch, b, position } = problem
  if (size.prod(form.m) !== 1 || form.k.some(d => typeof d !== 'number')) return undefined
  const slides = slidesOf(form, loader(context.fusion, anchor))
  if (slides === undefined || slides.length === 0 || slides.length > 2) return undefined
  if (Number(size.prod(form.k)) > mostTaps) return undefined
  const channels =
    typeof batch === 'number' &&
    runsAlong(context, problem, 'batch', b) &&
    runsAlong(context, problem, 'batch', position)
  const sliding = slides.map(({ n, k, reversed }): Side => {
    return { n, extent: form.n[n] as Dim, k, taps: Number(form.k[k]), reversed }
  })
  // a window along one axis alone: the other side is any axis that is left
  const free = form.n.findLastIndex((_, i) => sliding.every(s => s.n !== i))
  const other: Side = { n: free, extent: form.n[free] ?? 1, k: undefined, taps: 1, reversed: false }
  const [first, last] = [...sliding, other].slice(0, 2).sort((a, b) => a.n - b.n) as [Side, Side]
  if (!channels) return { walked: first, held: last, channels, tall: 4 }
  const [walked, held] = last.taps === 1 ? [first, last] : [last, first]
  const tall = held.taps === 1 ? 1 : Math.max(1, Math.min(4, Math.floor(mostSums / walked.taps)))
  return { walked, held, channels, tall }
}

export const windowsFit = (problem: Problem): boolean => windowOf(problem) !== undefined

/**
 * Floats loaded for one multiply-add: along the held side what a lane's outputs and the window span together, also before the first output
 * and beyond the last, and the factors once.
 */
export const windowsLoads = (problem: Problem): number => {
  const { walked, held, channels, tall } = windowOf(problem) as Window
  const [length, width] = [Math.max(1, aboutSize(walked.extent)), Math.max(1, aboutSize(held.extent))]
  const across = channels ? tall + held.taps - 1 : 4 * Math.ceil((held.taps + 3) / 4)
  const made = length * (width / Math.ceil(width / tall))
  return (across * (length + walked.taps - 1)) / (made * held.taps * walked.taps) + 1 / made
}

/** How many positions a lane walks: all, unless there would be too few lanes. */
const stripOf = ({ extent, taps }: Side, lanes: Dim, wanted: number): Dim => {
  const strips = Math.ceil(wanted / Math.max(1, aboutSize(lanes)))
  if (strips <= 1) return extent
  const strip = Math.max(2 * taps, Math.ceil(aboutSize(extent) / strips))
  return typeof extent === 'number' ? Math.min(extent, strip) : strip
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const axisOf = (name: string, extent: Dim): Expr => ({ e: 'axis', axis: name, extent })

/** A window with all that its kernel reads and writes, in axes named batch, walked, held and rest. */
interface Sliding extends Window {
  readonly problem: Problem
  /** how many of each a lane's tile is one of, the fastest first */
  readonly tiles: readonly { readonly axis: string; readonly count: Dim }[]
  readonly strip: Dim
  /** the element that the window's first tap along `walked` and tap `ofHeld` along `held` meets */
  readonly element: (ofHeld: number) => Expr
  /** the finished value, what of it is the same all along the walk (named fixed0, …), and where it is stored */
  readonly value: Expr
  readonly fixed: readonly Expr[]
  readonly position: Expr
  readonly factors: Applied
}

const slidingOf = (problem: Problem): Sliding => {
  const { context, anchor, form, batch } = problem
  const { fusion, root, profile } = context
  const window = windowOf(problem) as Window
  const { walked, held, channels, tall } = window
  const load = loader(fusion, anchor)

  const rest = form.n.flatMap((_, i) => (i === walked.n || i === held.n ? [] : [i]))
  const restShape = rest.map(i => form.n[i] as Dim)
  const across = { axis: 'batch', count: batch }
  const beside = { axis: 'held', count: size.floorDiv(size.add(held.extent, tall - 1), tall) }
  const others = { axis: 'rest', count: size.prod(restShape) }
  const lanes = size.prod([across.count, beside.count, others.count])
  const strip = stripOf(walked, lanes, sideBySide(profile) * (profile.tuning === 'gpu' ? 4096 : 16))
  const strips = strip === walked.extent ? 1 : size.floorDiv(size.add(walked.extent, size.sub(strip, 1)), strip)
  const along = { axis: 'walked', count: strips }

  const batchAt = unravel(axis('batch', batch), form.batch)
  const restAt = unravel(axis('rest', others.count), restShape)
  const m = form.m.map(() => literal(0, 'index'))
  const n = form.n.map((extent, i) => {
    const name = i === walked.n ? 'walked' : i === held.n ? 'held' : undefined
    return name === undefined ? (restAt[rest.indexOf(i)] as Expr) : axisOf(name, extent)
  })
  const taps = (ofWalked: Expr | number, ofHeld: Expr | number): readonly Expr[] =>
    form.k.map((_, i) => {
      if (i === walked.k) return tapOf(walked, ofWalked)
      return i === held.k ? tapOf(held, ofHeld) : literal(0, 'index')
    })
  const count = walked.taps * held.taps
  const factor = (at: Expr, tap: Expr): Expr =>
    form.a(load, unravel(at, form.batch), m, taps(over(tap, held.taps), modulo(tap, held.taps)))
  const factors = channels
    ? pack([count, batch], ([tap, at]) => factor(at as Expr, tap as Expr))
    : pack([batch, Math.ceil(count / 4) * 4], ([at, tap]) =>
        select(compare(tap as Expr, '<', count), factor(at as Expr, tap as Expr), literal(0)),
      )
  const landed = fusion.landing(root)(form.place(batchAt, m, n))
  const sum: Expr = { e: 'folded', name: 'sum', kind: 'float' }
  return {
    ...window,
    problem,
    tiles: channels ? [across, beside, along, others] : [beside, along, across, others],
    strip,
    element: ofHeld => form.b(load, batchAt, n, taps(0, ofHeld)),
    ...withoutFixed(elementOf(fusion, root, landed, { anchor, value: sum })),
    position: positionIn(context, landed),
    factors,
  }
}
/** The tap of k that is met: a reversed side counts from its end. */
const tapOf = ({ taps, reversed }: Side, tap: Expr | number): Expr => plus(reversed ? minus(taps - 1, tap) : tap, 0)

/** Loads that are the same wherever a lane stands on its walk get names, to be made before it. */
const withoutFixed = (value: Expr): Pick<Sliding, 'value' | 'fixed'> => {
  const fixed: Expr[] = []
  const visit = (x: Expr): Expr => {
    if (x.e === 'load') {
      if (x.of.kind !== 'float' || x.index.some(moves)) return x
      fixed.push(x)
      return { e: 'folded', name: `fixed${fixed.length - 1}`, kind: 'float' }
    }
    if (x.e === 'wgsl') return { ...x, holes: x.holes.map(visit) }
    if (x.e === 'select') return { ...x, yes: visit(x.yes), no: visit(x.no) }
    return x
  }
  return { value: visit(value), fixed }
}
const moves = (x: Expr): boolean =>
  x.e === 'axis'
    ? x.axis === 'walked' || x.axis === 'held'
    : x.e !== 'literal' && x.e !== 'size' && partsOf(x).some(moves)

/** How a lane makes what it makes, once it knows where it stands. */
interface Making {
  /** of a number: a vector where positions are made together */
  readonly type: 'f32' | 'vec4f'
  /** sums under way, for each number made beside another from the position about to be finished on */
  readonly sums: readonly (readonly string[])[]
  /** loads and multiply-adds of one step of the walk */
  readonly steps: readonly string[]
  /** epilogue and store of what is finished */
  readonly ends: readonly string[]
  readonly wide: boolean
}

export const windows = (problem: Problem): KernelSource => {
  const sliding = slidingOf(problem)
  const { walked, held, channels, tiles, strip, fixed } = sliding
  const lanes = sideBySide(problem.context.profile)
  const count = size.prod(tiles.map(t => t.count))
  const taps = walked.taps * held.taps

  const source = printModule(problem.context, module => {
    const factors = module.buffer(sliding.factors).at
    if (channels) module.narrow.add(sliding.factors)
    const placeAt = (at: string): Place => ({
      axis: name => ({ batch: 'c', held: 'beside', walked: at })[name] ?? name,
      ...(channels ? {} : { four: 'held' }),
    })
    const before = new Block(module, placeAt('first'), 'f')
    const fixedTexts = before.print(...fixed)
    const making = (channels ? oneByOne : together)(sliding, module, placeAt, fixedTexts)
    const { type, sums, steps, ends, wide } = making
    const [words, from] = channels
      ? [taps, `t * ${module.size(problem.batch)} + c`]
      : [Math.ceil(taps / 4), `c * ${Math.ceil(taps / 4)} + t`]
    const length =
      strip === walked.extent ? module.size(strip) : `min(${module.size(strip)}, ${module.size(walked.extent)} - first)`
    const body = `@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = i32(group.y * 32768u + group.x) * ${lanes} + i32(lane);
  if (tile >= ${module.size(count)}) { return; }
${indent(tiles.flatMap((_, i) => indexOfTile(sliding, module, i)))}
  var w: array<${type}, ${words}>;
  for (var t = 0; t < ${words}; t++) { w[t] = ${factors(from)}; }
${indent([
  ...before.lines,
  ...fixedTexts.map((t, i) => `let fixed${i} = ${t.text};`),
  ...sums.flat().map(name => `var ${name} = ${type}(0.0);`),
  `let steps = ${length} + ${walked.taps - 1};`,
])}
  for (var step = 0; step < steps; step++) {
    let ahead = first + step;
${indent(steps, '    ')}
    if (step >= ${walked.taps - 1}) {
      let at = ahead - ${walked.taps - 1};
${indent(ends, '      ')}
    }
${indent(
  sums.map(s => s.map((name, i) => `${name} = ${s[i + 1] ?? `${type}(0.0)`};`).join(' ')),
  '    ',
)}
  }
}
`
    return { body, output: { wide }, grid: [size.floorDiv(size.add(count, lanes - 1), lanes), 1, 1] }
  })
  return { ...source, packed: [sliding.factors] }
}

/** What a lane's tile is along one of the axes, as a statement. */
const indexOfTile = ({ tiles, tall, strip }: Sliding, module: Module, i: number): readonly string[] => {
  const { axis: name, count } = tiles[i] as Sliding['tiles'][number]
  const [variable, by]: readonly [string, Dim] =
    name === 'held'
      ? ['beside', tall]
      : name === 'walked'
        ? ['first', strip]
        : name === 'batch'
          ? ['c', 1]
          : ['rest', 1]
  if (count === 1) return name === 'rest' ? [] : [`let ${variable} = 0;`]
  const under = size.prod(tiles.slice(0, i).map(t => t.count))
  const outermost = tiles.slice(i + 1).every(t => t.count === 1)
  const shifted = under === 1 ? 'tile' : `tile / ${module.size(under)}`
  const wrapped = outermost ? shifted : `${shifted} % ${module.size(count)}`
  return [`let ${variable} = ${wrapped}${by === 1 ? '' : ` * ${module.size(by)}`};`]
}

const sumOf = (text: string, spread: Text['spread'], fixed: readonly Text[]): NonNullable<Place['folded']> => {
  const sum: Text = { text, precedence: 4, spread, aligned: false, kind: 'float' }
  return name => (name === 'sum' ? sum : { ...(fixed[Number(name.slice(5))] as Text), text: name, precedence: 4 })
}
type MakingOf = (sliding: Sliding, module: Module, placeAt: (at: string) => Place, fixed: readonly Text[]) => Making

/** Positions one by one: every number that is loaded meets those rows of the window that reach it. */
const oneByOne: MakingOf = ({ walked, held, tall, element, value, position }, module, placeAt, fixed) => {
  const sums = range(tall).map(t => range(walked.taps).map(i => `sum${t}_${i}`))
  const steps = range(tall + held.taps - 1).flatMap(j => {
    const block = new Block(module, placeAt('ahead'), `b${j}_`)
    const [b] = block.print(element(j)) as [Text]
    const products = sums.flatMap((names, t) =>
      j < t || j - t >= held.taps
        ? []
        : names.map((name, i) => `${name} += b * w[${(walked.taps - 1 - i) * held.taps + j - t}];`),
    )
    return ['{', indent([...block.lines, `let b = ${b.text};`, products.join(' ')]), '}']
  })
  const place = placeAt('at')
  const end = new Block(
    module,
    { axis: n => (n === 'held' ? 'row' : place.axis(n)), folded: sumOf('done[t]', 'uniform', fixed) },
    'e',
  )
  const [made, at] = end.print(value, position) as [Text, Text]
  const ends = [
    `var done = array(${sums.map(s => s[0]).join(', ')});`,
    `for (var t = 0; t < min(${tall}, ${module.size(held.extent)} - beside); t++) {`,
    indent(['let row = beside + t;', ...end.lines, `y[${at.text}] = ${stored(made, false)};`]),
    '}',
  ]
  return { type: 'f32', sums, steps, ends, wide: false }
}

/** Four positions together: the numbers that they and the window span are loaded as vectors, and put together anew for every tap. */
const together: MakingOf = (sliding, module, placeAt, fixed) => {
  const { walked, held, element, value, position } = sliding
  const sums = range(walked.taps).map(i => `sum${i}`)
  const from = firstQuad(sliding)
  const loads = range(Math.ceil((held.taps + 3 - from) / 4)).flatMap(q => {
    const block = new Block(module, placeAt('ahead'), `b${q}_`)
    const [b] = block.print(element(from + 4 * q)) as [Text]
    return [...block.lines, `let v${q} = ${widen(b).text};`]
  })
  const component = (j: number): string => 'xyzw'[j % 4] as string
  const number = (j: number): string => `v${Math.floor((j - from) / 4)}.${component(j - from)}`
  const products = range(held.taps).map(j => {
    const numbers = range(4).map(d => number(j + d))
    const b = (j - from) % 4 === 0 ? `v${(j - from) / 4}` : `vec4f(${numbers.join(', ')})`
    const added = sums.map((name, i) => {
      const t = (walked.taps - 1 - i) * held.taps + j
      return `${name} += b * w[${Math.floor(t / 4)}].${component(t)};`
    })
    return `{ let b = ${b}; ${added.join(' ')} }`
  })
  const place = placeAt('at')
  const whole = new Block(module, { ...place, folded: sumOf('sum0', 'vector', fixed) }, 'e')
  const [made, at] = whole.print(value, position) as [Text, Text]
  const wide = at.spread === 'linear' && at.aligned && Number(held.extent) % 4 === 0
  const ends = wide
    ? [...whole.lines, `y[${wrap(at, 2)} / 4] = ${stored(made, true)};`]
    : oneAfterTheOther(sliding, module, place, fixed)
  return { type: 'vec4f', sums: [sums], steps: [...loads, ...products], ends, wide }
}
/** The store of four positions in rows that are no multiple of four. */
const oneAfterTheOther = (
  { held, value, position }: Sliding,
  module: Module,
  place: Place,
  fixed: readonly Text[],
): readonly string[] => {
  const one = new Block(
    module,
    { axis: n => (n === 'held' ? 'column' : place.axis(n)), folded: sumOf('sum0[d]', 'uniform', fixed) },
    'e',
  )
  const [made, at] = one.print(value, position) as [Text, Text]
  return [
    `for (var d = 0; d < min(4, ${module.size(held.extent)} - beside); d++) {`,
    indent(['let column = beside + d;', ...one.lines, `y[${at.text}] = ${stored(made, false)};`]),
    '}',
  ]
}
/** The tap from which on vectors of four are aligned in memory: 0, or up to 3 before. */
const firstQuad = ({ problem: { context }, element }: Sliding): number => {
  const aligned = (from: number): boolean =>
    printModule(context, module => {
      new Block(module, { axis: name => name, four: 'held' }).print(element(from))
      return { body: '', output: { wide: false }, grid: [1, 1, 1] }
    }).vectors === 'all'
  return [0, -1, -2, -3].find(aligned) ?? 0
}
