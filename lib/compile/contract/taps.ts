/**
 * The schedule of the gradient of a small window that slides over one channel each, and its like: few results a channel, each the sum of
 * products of a map with another that is moved by the result's place. b depends on n and k through their sum alone, and k has axes beside
 * (pictures). A lane makes all results of a channel: it walks along one axis with as many rows of a in registers as the window has taps
 * there, so every number of b meets them all, and it takes up to four positions along the other axis together.
 *
 * Lanes are channels. Where those are few, each channel is made in parts by several lanes, and a second kernel adds the parts up.
 */
import {
  axis,
  compare,
  literal,
  plus,
  select,
  sizeOf,
  times,
  unravel,
  type Contract,
  type Expr,
} from '../../form/index.ts'
import { size, type Dim, type Shape } from '../../shape/index.ts'
import { elementOf, indent, loader, positionIn, printModule, sideBySide, type KernelSource } from '../kernel.ts'
import { aboutSize } from '../usual.ts'
import { Block, stored, type Module, type Text } from '../wgsl.ts'
import { sumsOfParts } from './packing.ts'
import type { Problem } from './problem.ts'
import { slidesUnder } from './sliding.ts'

/** results that a lane keeps: a third of them stays in registers, each is loaded and stored once for four products */
const mostResults = 64
/** lanes that there should be: subgroups of eight for a processor, and what keeps a GPU busy */
const wantedLanes = { lavapipe: 128, swiftshader: 128, gpu: 16384 } as const

/** An axis of k with the taps of the window along it. */
interface Side {
  readonly n: number
  readonly k: number
  readonly extent: Dim
  readonly taps: number
}
interface Correlation {
  readonly walked: Side
  /** undefined where the window has one axis */
  readonly held: Side | undefined
  /** positions along `held` that are taken together: they divide it */
  readonly tall: number
  /** the axes of k along which nothing slides */
  readonly rest: readonly number[]
}

const correlationOf = ({ context, anchor, form }: Problem): Correlation | undefined => {
  const results = size.prod(form.n)
  if (size.prod(form.m) !== 1 || typeof results !== 'number' || results > mostResults) return undefined
  const slides = slidesUnder(form, loader(context.fusion, anchor))
  if (slides === undefined || slides.length === 0 || slides.length > 2 || slides.some(s => s.reversed)) return undefined
  const [walked, held] = slides.map(({ n, k }): Side => {
    return { n, k, extent: form.k[k] as Dim, taps: Number(form.n[n]) }
  }) as [Side, Side | undefined]
  if (held !== undefined && typeof held.extent !== 'number') return undefined
  const tall = [4, 2].find(t => held !== undefined && Number(held.extent) % t === 0) ?? 1
  return { walked, held, tall, rest: form.k.flatMap((_, i) => (i === walked.k || i === held?.k ? [] : [i])) }
}
export const tapsFit = (problem: Problem): boolean => correlationOf(problem) !== undefined

/** Floats loaded for one multiply-add: what a step loads of both, also in those that begin and end the walk. */
export const tapsLoads = (problem: Problem): number => {
  const { walked, held, tall } = correlationOf(problem) as Correlation
  const [length, across] = [Math.max(1, aboutSize(walked.extent)), held?.taps ?? 1]
  return ((2 * tall + across - 1) * (length + walked.taps - 1)) / (tall * across * walked.taps * length)
}

export const taps = (problem: Problem): KernelSource => {
  const { form, batch, context } = problem
  const { rest } = correlationOf(problem) as Correlation
  const pictures = size.prod(rest.map(i => form.k[i] as Dim))
  const wanted = Math.ceil(wantedLanes[context.profile.tuning] / Math.max(1, aboutSize(batch)))
  const parts = partsOf(pictures, wanted)
  return parts === 1 ? whole(problem) : inParts(problem, parts)
}
/** Into how many equal parts so many are divided, at least as many as wanted if there are. */
const partsOf = (count: Dim, wanted: number): number => {
  if (typeof count !== 'number' || count === 0) return 1
  return Array.from({ length: count }, (_, i) => i + 1).find(p => count % p === 0 && (p >= wanted || p === count)) ?? 1
}

const range = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i)
const zeros = (shape: Shape): readonly Expr[] => shape.map(() => literal(0, 'index'))

/** The finished result at (batch, n), made from the folded value `sum`, and where it is stored. */
const finishedOf = ({ context, anchor, form, batch }: Problem): { readonly value: Expr; readonly position: Expr } => {
  const { fusion, root } = context
  const n = unravel(axis('n', size.prod(form.n)), form.n)
  const landed = fusion.landing(root)(form.place(unravel(axis('batch', batch), form.batch), zeros(form.m), n))
  const sum: Expr = { e: 'folded', name: 'sum', kind: 'float' }
  return {
    value: elementOf(fusion, root, landed, { anchor, value: sum }),
    position: positionIn(context, landed),
  }
}
const storeOf = (problem: Problem, module: Module, sum: string): readonly string[] => {
  const { value, position } = finishedOf(problem)
  const folded = (): Text => ({ text: sum, precedence: 4, spread: 'uniform', aligned: false, kind: 'float' })
  const block = new Block(module, { axis: name => name, folded }, 'e')
  const [made, at] = block.print(value, position) as [Text, Text]
  return [...block.lines, `y[${at.text}] = ${stored(made, false)};`]
}

/** The kernel whose lanes make all of a channel. */
const whole = (problem: Problem): KernelSource => {
  const { context, anchor, form, batch } = problem
  const { walked, held, tall, rest } = correlationOf(problem) as Correlation
  const load = loader(context.fusion, anchor)
  const lanes = sideBySide(context.profile)
  const restShape = rest.map(i => form.k[i] as Dim)
  const pictures = size.prod(restShape)
  const across = held?.taps ?? 1
  const restAt = unravel(axis('picture', pictures), restShape)
  const batchAt = unravel(axis('batch', batch), form.batch)
  /** where k is, `ofHeld` positions after the first that are taken together */
  const at = (ofHeld: number): readonly Expr[] =>
    form.k.map((_, i) => {
      if (i === walked.k) return { e: 'axis', axis: 'step', extent: size.add(walked.extent, walked.taps - 1) }
      if (i === held?.k) return plus({ e: 'axis', axis: 'beside', extent: held.extent }, ofHeld)
      return restAt[rest.indexOf(i)] as Expr
    })
  const inside = compare({ e: 'axis', axis: 'step', extent: walked.extent }, '<', sizeOf(walked.extent))
  const ofA = range(tall).map(t => select(inside, form.a(load, batchAt, zeros(form.m), at(t)), literal(0)))
  const ofB = range(tall + across - 1).map(j => form.b(load, batchAt, zeros(form.n), at(j)))
  // by result, in the order of n
  const results = Number(size.prod(form.n))
  const down = held === undefined || walked.n < held.n
  const sums = range(results).map(i => {
    const [u, v] = down ? [Math.floor(i / across), i % across] : [i % walked.taps, Math.floor(i / walked.taps)]
    return `sum${i} += ${range(tall)
      .map(t => `a${u}_${t} * b${t + v}`)
      .join(' + ')};`
  })

  return printModule(context, module => {
    const block = new Block(module, { axis: name => name }, 'v')
    const texts = block.print(...ofA, ...ofB)
    const rows = range(walked.taps).map(u => range(tall).map(t => `a${u}_${t}`))
    const step = [
      ...block.lines,
      ...ofB.map((_, j) => `let b${j} = ${(texts[tall + j] as Text).text};`),
      ...rows
        .map((row, u) => row.map((name, t) => `${name} = ${rows[u - 1]?.[t] ?? (texts[t] as Text).text};`).join(' '))
        .toReversed(),
      ...sums,
    ]
    const walk = [
      ...rows.map(row => row.map(name => `var ${name} = 0.0;`).join(' ')),
      `for (var step = 0; step < ${module.size(size.add(walked.extent, walked.taps - 1))}; step++) {`,
      indent(step),
      '}',
    ]
    const beside =
      held === undefined
        ? walk
        : [`for (var beside = 0; beside < ${held.extent}; beside += ${tall}) {`, indent(walk), '}']
    const body = `@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let batch = i32(group.y * 32768u + group.x) * ${lanes} + i32(lane);
  if (batch >= ${module.size(batch)}) { return; }
${indent(range(results).map(i => `var sum${i} = 0.0;`))}
  for (var picture = 0; picture < ${module.size(pictures)}; picture++) {
${indent(beside, '    ')}
  }
  var sums = array(${range(results)
    .map(i => `sum${i}`)
    .join(', ')});
  for (var n = 0; n < ${results}; n++) {
${indent(storeOf(problem, module, 'sums[n]'), '    ')}
  }
}
`
    return { body, output: { wide: false }, grid: [size.floorDiv(size.add(batch, lanes - 1), lanes), 1, 1] }
  })
}

/** The kernel that adds up parts, each made of as many pictures. */
const inParts = (problem: Problem, parts: number): KernelSource => {
  const { context, anchor, form, batch } = problem
  const { rest } = correlationOf(problem) as Correlation
  const restShape = rest.map(i => form.k[i] as Dim)
  const pictures = Number(size.prod(restShape)) / parts
  const sliding = form.k.flatMap((extent, i) => (rest.includes(i) ? [] : [{ extent, i }]))
  /** the index of k at a picture of a part */
  const whole = (part: Expr, [picture, ...slid]: readonly Expr[]): readonly Expr[] => {
    const restAt = unravel(plus(times(part, pictures), picture as Expr), restShape)
    return form.k.map((_, i) => {
      const found = rest.includes(i) ? restAt[rest.indexOf(i)] : slid[sliding.findIndex(s => s.i === i)]
      return found as Expr
    })
  }
  const ofPart: Contract = {
    form: 'contract',
    batch: [parts, ...form.batch],
    m: form.m,
    n: form.n,
    k: [pictures, ...sliding.map(s => s.extent)],
    a: (load, [part, ...b], m, k) => form.a(load, b, m, whole(part as Expr, k)),
    b: (load, [part, ...b], n, k) => form.b(load, b, n, whole(part as Expr, k)),
    place: (b, _, n) => [...b, ...n],
  }
  const sums = sumsOfParts([parts, ...form.batch, ...form.n], ofPart, loader(context.fusion, anchor))
  const results = Number(size.prod(form.n))
  const count = size.mul(batch, results)
  const lanes = sideBySide(context.profile)
  const source = printModule(context, module => {
    const made = module.buffer(sums).at
    module.narrow.add(sums)
    const body = `@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = i32(group.y * 32768u + group.x) * ${lanes} + i32(lane);
  if (i >= ${module.size(count)}) { return; }
  let batch = i / ${results};
  let n = i % ${results};
  var sum = 0.0;
  for (var part = 0; part < ${parts}; part++) { sum += ${made(`part * ${module.size(count)} + i`)}; }
${indent(storeOf(problem, module, 'sum'))}
}
`
    return { body, output: { wide: false }, grid: [size.floorDiv(size.add(count, lanes - 1), lanes), 1, 1] }
  })
  return { ...source, packed: [sums] }
}
