/**
 * The schedule for many rows of a against weights in blocks (blocks.ts): the same memory that decoding reads (matvec.ts), unpacked in
 * registers as it is used. Unpacking is shared by the rows of a tile, so it costs about a tenth of the multiply-adds.
 *
 * Three ways to bring the operands together: where subgroups are eight lanes, a arrives spread over them and is handed round by
 * shuffles; on a GPU both pass through workgroup memory; else lanes read a themselves.
 */
import { size } from '../../shape/index.ts'
import { besideFew, indent, printModule, type KernelContext, type KernelSource } from '../kernel.ts'
import type { Module } from '../wgsl.ts'
import { foursAtK } from './block-steps.ts'
import { blockColumns, blockLanes, blocksFit, blocksOf, unitsOf, type Blocks } from './blocks.ts'
import { fewRows, matvec } from './matvec.ts'
import type { Problem } from './problem.ts'
import { lastOf, storeTile } from './tiles.ts'

/** What a way of bringing operands together needs to print itself. */
interface Ground {
  readonly problem: Problem
  readonly module: Module
  readonly blocks: Blocks
  /** reads a unit of b */
  readonly units: (i: string) => string
  readonly rows: number
}
/** A way of bringing operands together. */
interface Way {
  /** rows of a tile at most */
  readonly most: number
  /** eights of lanes that make a tile together, each some of its rows */
  readonly eights: number
  /** declarations in front of the entry point */
  readonly head?: string
  /** what lanes do for a block of k's, g, whose units begin at `at` */
  readonly step: (ground: Ground) => readonly string[]
  readonly features: readonly 'subgroups'[]
}

const range = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i)
/** The rows of a lane at k, by name. */
const rowsOfA = (ground: Ground): readonly string[] =>
  range(ground.rows).flatMap(r => {
    const row = r === 0 ? 'm0' : `min(m0 + ${r}, ${lastOf(ground.module, ground.problem.m)})`
    const { lines, texts } = foursAtK(ground, [ground.problem.a], row, `a${r}_`)
    return [...lines, `let a${r} = ${texts[0]!};`]
  })
/** Four numbers of column j at a quad of a unit, ready to be multiplied. */
const unpacked = ({ codec }: Blocks, unit: string, quad: string, scale: string): string => {
  const four = codec.four(unit, quad)
  return codec.zero === undefined ? four : `${four} * (${scale} * ${codec.factors}) - ${codec.zero}.0 * ${scale}`
}
const products = (row: number, a: string): string =>
  `sum${row} += vec4f(${range(4)
    .map(j => `dot(${a}, b${j})`)
    .join(', ')});`
const scalesText = 'halves(select(vec2u(scales.x, scales.y), vec2u(scales.z, scales.w), h == 1))'

/** A block in halves of 32 k's, since each has its own scales; without scales it is one. */
const inHalves = (
  { blocks: { codec } }: Ground,
  before: readonly string[],
  half: (first: string, chunk: string) => readonly string[],
): readonly string[] => {
  if (codec.zero === undefined) return half(`g * ${codec.group}`, '')
  const chunks = 32 / codec.per
  return [
    ...before,
    'for (var h = 0; h < 2; h++) {',
    indent(half(`g * ${codec.group} + h * 32`, chunks === 1 ? 'h' : `h * ${chunks}`)),
    '}',
  ]
}
/** Every quad of k's of a half: `b0` to `b3` are the numbers of a lane's columns there. */
const quadsOf = (ground: Ground, firstChunk: string, use: (step: string) => readonly string[]): readonly string[] => {
  const { units, blocks } = ground
  const [chunks, quads] = [32 / blocks.codec.per, blocks.codec.per / 4]
  const chunk = [firstChunk, ...(chunks === 1 ? [] : ['c'])].filter(t => t !== '').join(' + ')
  const four = (q: string): readonly string[] => [
    ...range(4).map(j => `let b${j} = ${unpacked(blocks, `w${j}`, q, `scale[${j}]`)};`),
    ...use(chunks === 1 ? q : quads === 1 ? 'c' : `c * ${quads} + q`),
  ]
  const inside = [
    `let unit = at + ${/ /.test(chunk) ? `(${chunk})` : chunk} * ${blockColumns} + lane;`,
    ...range(4).map(j => `let w${j} = ${units(j === 0 ? 'unit' : `unit + ${8 * j}`)};`),
    ...(quads === 1 ? four('0') : [`for (var q = 0; q < ${quads}; q++) {`, indent(four('q')), '}']),
  ]
  return chunks === 1 ? inside : [`for (var c = 0; c < ${chunks}; c++) {`, indent(inside), '}']
}
const ownScales = ({ units, blocks: { codec } }: Ground): readonly string[] => [
  `let scales = ${units(`at + ${unitsOf(codec) - blockLanes} + lane`)};`,
]
const scaleLine = ({ blocks: { codec } }: Ground): readonly string[] =>
  codec.zero === undefined ? [] : [`let scale = ${scalesText};`]

/** Subgroups of eight: a lane brings four k's of every row, and all get them by shuffles. */
const byShuffles: Way = {
  most: 16,
  eights: 1,
  step: ground =>
    inHalves(ground, ownScales(ground), (first, chunk) => [
      ...scaleLine(ground),
      `let k = ${first} + lane * 4;`,
      ...rowsOfA(ground),
      ...quadsOf(ground, chunk, step => [
        ...range(ground.rows).map(r => `{ let a = subgroupShuffle(a${r}, u32(${step})); ${products(r, 'a')} }`),
      ]),
    ]),
  features: ['subgroups'],
}
/** Every lane reads what it needs. */
const alone: Way = {
  most: 4,
  eights: 1,
  step: ground =>
    inHalves(ground, ownScales(ground), (first, chunk) => [
      ...scaleLine(ground),
      ...quadsOf(ground, chunk, step => [
        `let k = ${first} + (${step}) * 4;`,
        ...rowsOfA(ground),
        ...range(ground.rows).map(r => products(r, `a${r}`)),
      ]),
    ]),
  features: [],
}
/** Through workgroup memory: 32 rows by 32 columns, 32 k's at a time, and a lane makes four by four. */
const shared: Way = {
  most: 32,
  eights: 8,
  head: `var<workgroup> tile_a: array<f32, 1024>; // [k][m]
var<workgroup> tile_b: array<f32, 1024>; // [k][n]
`,
  step: ground => {
    const { units, module, problem, blocks } = ground
    const { codec } = blocks
    const { lines, texts } = foursAtK(ground, [problem.a], 'row', 'a_')
    const put = (tile: string, column: string): readonly string[] =>
      ['x', 'y', 'z', 'w'].map((c, d) => `${tile}[(q * 4${d === 0 ? '' : ` + ${d}`}) * 32 + ${column}] = value.${c};`)
    const quads = codec.per / 4
    /** where a lane's unit lies in a block */
    const unitAt = (first: string): string => {
      const terms = [first, quads === 1 ? 'q' : quads === 8 ? '' : `q / ${quads}`].filter(t => t !== '')
      if (terms.length === 0) return 'at + u'
      return `at + ${terms.length === 1 && /^\w+$/.test(terms.join()) ? terms.join() : `(${terms.join(' + ')})`} * 32 + u`
    }
    return inHalves(ground, [], (first, firstChunk) => [
      'for (var i = i32(local); i < 256; i += 64) {',
      indent([
        'let q = i % 8;',
        `let row = min(first + i / 8, ${lastOf(module, problem.m)});`,
        `let k = ${first} + q * 4;`,
        ...lines,
        `let value = ${texts[0]!};`,
        ...put('tile_a', 'i / 8'),
      ]),
      '}',
      'for (var i = i32(local); i < 256; i += 64) {',
      indent([
        'let q = i / 32;',
        'let u = i % 32;',
        `let w = ${units(unitAt(firstChunk))};`,
        ...(codec.zero === undefined
          ? []
          : [
              `let scales = ${units(`at + ${unitsOf(codec) - blockLanes} + u % 8`)};`,
              `let scale = ${scalesText}[u / 8];`,
            ]),
        `let value = ${unpacked(blocks, 'w', quads === 1 ? '0' : quads === 8 ? 'q' : `(q % ${quads})`, 'scale')};`,
        ...put('tile_b', 'u % 8 * 4 + u / 8'),
      ]),
      '}',
      'workgroupBarrier();',
      'for (var d = 0; d < 32; d++) {',
      indent([
        'let at_a = d * 32 + m0 - first;',
        'let at_b = d * 32 + lane * 4;',
        'let b = vec4f(tile_b[at_b], tile_b[at_b + 1], tile_b[at_b + 2], tile_b[at_b + 3]);',
        ...range(4).map(r => `sum${r} = fma(vec4f(tile_a[at_a${r === 0 ? '' : ` + ${r}`}]), b, sum${r});`),
      ]),
      '}',
      'workgroupBarrier();',
    ])
  },
  features: [],
}
const wayFor = ({ profile: { subgroup, tuning } }: KernelContext): Way => {
  if (subgroup[0] === blockLanes && subgroup[1] === blockLanes) return byShuffles
  return tuning === 'gpu' ? shared : alone
}

/** Weights stay f32 for panels.ts; where they do not, this reads them, and where m is not known matvec.ts beside it. */
export const storedPanelsFit = (problem: Problem): boolean => {
  const { context, m } = problem
  return context.weights !== 'f32' && !(typeof m === 'number' && m <= fewRows) && blocksFit(problem)
}
/** `lanes` are those of the kernel for a few rows, where these were measured. */
export const storedPanels = (problem: Problem, lanes?: number): KernelSource => {
  const { m } = problem
  if (typeof m === 'number') return manyRows(problem)
  return besideFew(manyRows(problem), matvec(problem, lanes), m, fewRows)
}

const manyRows = (problem: Problem): KernelSource => {
  const { context, batch, m, n, a } = problem
  const { most, eights, head = '', step, features } = wayFor(context)
  const blocks = blocksOf(problem, context.weights)
  const { across, groups, node, codec } = blocks
  // rows of a short a are divided evenly
  const high = typeof m === 'number' && eights === 1 ? Math.ceil(m / Math.ceil(m / most)) : most
  const rows = high / eights
  const units = unitsOf(codec)
  const rowTiles = size.floorDiv(size.add(m, high - 1), high)
  const count = size.prod([batch, rowTiles, across])
  const index = features.includes('subgroups') ? 'subgroup_invocation_id' : 'local_invocation_index'
  const declarations = [...(codec.code === undefined ? [] : [codec.code]), head].join('\n')
  // what it reads from images, where there are any
  const images = context.profile.imageRows === 0 ? [] : [node, ...(a.e === 'load' ? [a.of] : [])]

  const source = printModule(
    context,
    module => {
      const ground: Ground = { problem, module, blocks, units: module.units(node), rows }
      const { lines, wide } = storeTile(problem, module, rows, Number(n) % blockColumns !== 0, high)
      const first = `tile / ${across}${batch === 1 ? '' : ` % ${module.size(rowTiles)}`} * ${high}`
      const body = `${declarations}
@compute @workgroup_size(${eights * blockLanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(${index}) local: u32) {
  let tile = i32(group.y * 32768u + group.x);
  if (tile >= ${module.size(count)}) { return; }
  let lane = i32(local)${eights === 1 ? '' : ' % 8'};
  let column = tile % ${across};
${eights === 1 ? `  let m0 = ${first};` : `  let first = ${first};\n  let m0 = first + i32(local) / 8 * ${rows};`}
${batch === 1 ? '' : `  let batch = tile / ${module.size(size.mul(across, rowTiles))};\n`}  let n0 = column * ${blockColumns} + lane * 4;
  let panel = ${batch === 1 ? 'column' : `(batch * ${across} + column)`} * ${groups * units};
${indent(range(rows).map(r => `var sum${r} = vec4f(0.0);`))}
  for (var g = 0; g < ${groups}; g++) {
    let at = panel + g * ${units};
${indent(step(ground), '    ')}
  }
  var sums: array<vec4f, ${rows}>;
${indent(range(rows).map(r => `sums[${r}] = sum${r};`))}
${indent(lines)}
}
`
      return { body, output: { wide }, grid: [count, 1, 1], enable: features }
    },
    new Set(images),
  )
  return { ...source, packed: [node] }
}
