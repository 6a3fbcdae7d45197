/**
 * What a lane does for one block of k's in the kernel of a few rows (matvec.ts), in three ways: a spread over eight lanes and handed round
 * by shuffles; every lane reading a for itself; and, for a GPU, all of the block on its way before any of it is unpacked.
 */
import type { Expr } from '../../form/index.ts'
import { indent } from '../kernel.ts'
import { Block, widen, type Module } from '../wgsl.ts'
import { blockColumns, blockLanes, unitsOf, type Blocks } from './blocks.ts'
import type { Problem } from './problem.ts'

/** What a lane needs to know to sum over a block. */
export interface Ground {
  readonly problem: Problem
  readonly module: Module
  readonly blocks: Blocks
  /** what it sums up of a besides */
  readonly summand: Expr | undefined
}
/** Expressions of a row at k, four numbers each, and lines before them; what lies beyond the last k is 0. */
export const foursAtK = (
  { problem: { k }, module, blocks }: Pick<Ground, 'problem' | 'module' | 'blocks'>,
  exprs: readonly Expr[],
  row: string,
  prefix: string,
): { readonly lines: readonly string[]; readonly texts: readonly string[] } => {
  const block = new Block(module, { axis: a => (a === 'm' ? row : a), four: 'k' }, prefix)
  const texts = block.print(...exprs).map(x => widen(x).text)
  const whole = Number(k) === blocks.deep
  return { lines: block.lines, texts: whole ? texts : texts.map(x => `select(vec4f(0.0), ${x}, k < ${k})`) }
}
/** a at k, and what is summed up besides. */
const fourOfA = (ground: Ground): { readonly lines: readonly string[]; readonly text: string } => {
  const { problem, summand } = ground
  const { lines, texts } = foursAtK(ground, summand === undefined ? [problem.a] : [problem.a, summand], 'm0', 'a_')
  const [text, more] = texts
  return { lines: more === undefined ? lines : [...lines, `row_part += ${more};`], text: text! }
}
const dots = (unit: (j: number) => string, x: string): string =>
  `vec4f(${[0, 1, 2, 3].map(j => `dot(${unit(j)}, ${x})`).join(', ')})`
const range = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i)
const loadUnits = (at: (i: string) => string, chunk: string, first: number): readonly string[] =>
  range(4).map(j => `let w${j} = ${at(`${chunk}${first + 8 * j === 0 ? '' : ` + ${first + 8 * j}`}`)};`)

/** Scales of a lane's columns in the first or the second half of a block. */
const scaleText = (half: number): string =>
  half === 0 ? 'halves(vec2u(scales.x, scales.y))' : 'halves(vec2u(scales.z, scales.w))'

/** A block in halves of 32 k's, since each has its own scales; without scales it is one. */
const inHalves = ({ module, blocks }: Ground, half: (h: number) => readonly string[]): readonly string[] => {
  const { codec, node } = blocks
  const scales = `let scales = ${module.units(node)(`at + ${unitsOf(codec) - blockLanes}`)};`
  const halves = range(codec.group / 32).flatMap(h => ['{', indent(half(h)), '}'])
  return codec.zero === undefined ? halves : [scales, ...halves]
}

/** One block, with a spread over eight lanes and handed round. */
export const shuffled = (ground: Ground): readonly string[] => {
  const { module, blocks } = ground
  const { codec } = blocks
  const { per, group, zero, factors } = codec
  const units = module.units(blocks.node)
  const chunks = 32 / per
  const quads = per / 4
  const { lines, text } = fourOfA(ground)
  return inHalves(ground, h => {
    const k = group === 32 ? 'g * 32 + lane * 4' : `g * ${group}${h === 0 ? '' : ` + ${32 * h}`} + lane * 4`
    const into = zero === undefined ? 'sum' : 'part'
    const steps = range(chunks).flatMap(c => [
      '{',
      indent([
        ...loadUnits(units, 'at', (h * chunks + c) * blockColumns),
        ...range(quads).map(
          q =>
            `{ let x = subgroupShuffle(mine, ${c * quads + q}u); ${into} += ${dots(j => codec.four(`w${j}`, `${q}`), 'x')}; }`,
        ),
      ]),
      '}',
    ])
    const total = [
      'var total = mine.x + mine.y + mine.z + mine.w;',
      ...[1, 2, 4].map(d => `total += subgroupShuffleXor(total, ${d}u);`),
      `var part = vec4f(${-(zero ?? 0)}.0 * total);`,
    ]
    return [
      `let k = ${k};`,
      ...lines,
      ...(zero === undefined ? [`let mine = ${text};`] : [`var mine = ${text};`, ...total]),
      ...(factors === undefined ? [] : [`mine *= ${factors};`]),
      ...steps,
      ...(zero === undefined ? [] : [`sum += part * ${scaleText(h)};`]),
    ]
  })
}

/** One block, every lane reading a for itself. */
export const read = (ground: Ground): readonly string[] => {
  const { module, blocks } = ground
  const { codec } = blocks
  const { per, group, zero, factors } = codec
  const units = module.units(blocks.node)
  const chunks = 32 / per
  const quads = per / 4
  const { lines, text } = fourOfA(ground)
  return inHalves(ground, h => {
    const into = zero === undefined ? 'sum' : 'part'
    const terms = [`g * ${group}`, ...(h === 0 ? [] : [`${h * 32}`]), ...(chunks === 1 ? [] : [`c * ${per}`]), 'q * 4']
    const step = [
      `let k = ${terms.join(' + ')};`,
      ...lines,
      `let x = ${text};`,
      ...(zero === undefined ? [] : [`total += dot(x, vec4f(${zero}.0));`]),
      ...(factors === undefined ? [] : [`let scaled = x * ${factors};`]),
      `${into} += ${dots(j => codec.four(`w${j}`, 'q'), factors === undefined ? 'x' : 'scaled')};`,
    ]
    const chunk = [
      ...loadUnits(units, chunks === 1 ? 'at' : `at + c * ${blockColumns}`, h * chunks * blockColumns),
      `for (var q = 0; q < ${quads}; q++) {`,
      indent(step),
      '}',
    ]
    return [
      ...(zero === undefined ? [] : ['var total = 0.0;', 'var part = vec4f(0.0);']),
      ...(chunks === 1 ? chunk : [`for (var c = 0; c < ${chunks}; c++) {`, indent(chunk), '}']),
      ...(zero === undefined ? [] : [`sum += (part - total) * ${scaleText(h)};`]),
    ]
  })
}

/** units that a lane asks for before it unpacks the first of them */
const underWay = 16
const components = ['x', 'y', 'z', 'w'] as const
/** The sum of a vector's numbers, as text. */
export const total4 = (v: string): string => components.map(c => `${v}.${c}`).join(' + ')

/** One block, all of which is on its way before it is unpacked; four sums for each column, since dot products would add once more. */
export const streamed = (ground: Ground): readonly string[] => {
  const { module, blocks } = ground
  const { codec } = blocks
  const { per, group, zero, factors } = codec
  const units = module.units(blocks.node)
  const scaled = zero !== undefined
  const chunks = range(group / per)
  const together = underWay / 4
  const columns = range(4)
  const load = (c: number): readonly string[] =>
    columns.map(j => `let w${c}_${j} = ${units(c + j === 0 ? 'at' : `at + ${c * blockColumns + j * blockLanes}`)};`)
  const quad = (c: number, q: number): readonly string[] => {
    const { lines, text } = fourOfA(ground)
    const x = factors === undefined ? 'x' : 'scaled'
    return [
      '{',
      indent([
        `let k = g * ${group}${c + q === 0 ? '' : ` + ${c * per + q * 4}`};`,
        ...lines,
        `let x = ${text};`,
        ...(scaled ? ['total += x;'] : []),
        ...(factors === undefined ? [] : [`let scaled = x * ${factors};`]),
        ...columns.map(j => `part${j} = fma(${codec.four(`w${c}_${j}`, `${q}`)}, ${x}, part${j});`),
      ]),
      '}',
    ]
  }
  const perHalf = 32 / per
  const ends = (c: number): readonly string[] => {
    if (!scaled || (c + 1) % perHalf !== 0) return []
    const half = (c + 1) / perHalf - 1
    const sums = `vec4f(${columns.map(j => total4(`part${j}`)).join(', ')})`
    const cleared = columns.map(j => `part${j} = vec4f(0.0);`)
    return [
      `sum += (${sums} - ${zero}.0 * (${total4('total')})) * ${scaleText(half)};`,
      ...(c + 1 === chunks.length ? [] : [...cleared, 'total = vec4f(0.0);']),
    ]
  }
  const sums = columns.map(j => `var part${j} = vec4f(0.0);`)
  return [
    ...(scaled ? [`let scales = ${units(`at + ${unitsOf(codec) - blockLanes}`)};`, 'var total = vec4f(0.0);'] : []),
    ...sums,
    ...chunks.flatMap(c => [
      ...(c % together === 0 ? chunks.slice(c, c + together).flatMap(load) : []),
      ...range(per / 4).flatMap(q => quad(c, q)),
      ...ends(c),
    ]),
    ...(scaled ? [] : [`sum += vec4f(${columns.map(j => total4(`part${j}`)).join(', ')});`]),
  ]
}
