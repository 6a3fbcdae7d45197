/**
 * The schedule for a few rows of a, where all time goes into reading b: b is weights in blocks (blocks.ts), a lane makes four columns of
 * one row, and nothing is unpacked twice. Rows beyond the first read the weights again, out of caches where those are large enough.
 *
 * Where subgroups are eight lanes, one makes a block of columns alone, and hands a round by shuffles. Elsewhere lanes read a themselves.
 * On a GPU many such eights share the k's of a block of columns and add up their sums in workgroup memory; each asks for a whole block
 * before it unpacks any of it, so that enough of the weights is on its way at any time.
 */
import { size } from '../../shape/index.ts'
import { indent, printModule, type KernelSource } from '../kernel.ts'
import { Block, widen, type Module, type Text } from '../wgsl.ts'
import { blockColumns, blockLanes, blocksFit, blocksOf, codecs, unitsOf, type Blocks } from './blocks.ts'
import type { Problem } from './problem.ts'
import { storeTile } from './tiles.ts'

/** rows up to which reading the weights again costs less than a tile of rows */
export const fewRows = 4

export const matvecFits = (problem: Problem): boolean =>
  typeof problem.m === 'number' && problem.m > 0 && problem.m <= fewRows && blocksFit(problem)

/** lanes that keep a large GPU busy: a thousand for each of its cores */
const busy = 2 ** 17
/** Lanes of a workgroup on a GPU: fewer where there are many columns, and those that have a block each. */
const lanesFor = (problem: Problem): number => {
  const workgroups = Number(problem.batch) * Math.ceil(Number(problem.n) / blockColumns)
  const wanted = Math.max(128, Math.min(512, busy / workgroups))
  return 2 ** Math.floor(Math.log2(Math.min(wanted, mostLanes(problem))))
}
/** Lanes that a workgroup may have, and that have a block each. */
const mostLanes = ({ context: { profile, weights }, k }: Problem): number =>
  Math.min(profile.maxInvocations, blockLanes * Math.ceil(Number(k) / codecs[weights].group))
/** Numbers of lanes to be measured beside the one that is estimated best. */
export const matvecLanes = [64, 128, 256, 512, 1024] as const
export const matvecFitsWith =
  (lanes: number) =>
  (problem: Problem): boolean =>
    problem.context.profile.tuning === 'gpu' &&
    lanes <= mostLanes(problem) &&
    matvecFits(problem) &&
    lanes !== lanesFor(problem)

export const matvec = (problem: Problem, given?: number): KernelSource => {
  const { context, batch, m, n } = problem
  const { profile } = context
  const blocks = blocksOf(problem, context.weights)
  const { across, groups, node, codec } = blocks
  const gpu = profile.tuning === 'gpu'
  const shuffles = !gpu && profile.subgroup[0] === blockLanes && profile.subgroup[1] === blockLanes
  const parts = gpu ? (given ?? lanesFor(problem)) / blockLanes : 1
  const lanes = blockLanes * parts
  const count = size.prod([batch, m, across])
  const units = unitsOf(codec)

  const source = printModule(
    context,
    module => {
      const { lines, wide } = storeTile(problem, module, 1, Number(n) % blockColumns !== 0)
      const [first, step] = parts === 1 ? ['0', '++'] : ['i32(local) / 8', ` += ${parts}`]
      const reduce = parts === 1 ? [] : addedUp(parts)
      const body = `${codec.code === undefined ? '' : `${codec.code}\n`}${parts === 1 ? '' : `var<workgroup> part_sums: array<vec4f, ${lanes}>;\n`}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(${shuffles ? 'subgroup_invocation_id' : 'local_invocation_index'}) local: u32) {
  let tile = i32(group.y * 32768u + group.x);
  if (tile >= ${module.size(count)}) { return; }
  let lane = i32(local)${parts === 1 ? '' : ' % 8'};
  let column = tile % ${across};
  let m0 = tile / ${across}${batch === 1 ? '' : ` % ${module.size(m)}`};
${batch === 1 ? '' : `  let batch = tile / ${module.size(size.mul(across, m))};\n`}  let n0 = column * ${blockColumns} + lane * 4;
  let panel = ${batch === 1 ? 'column' : `(batch * ${across} + column)`} * ${groups * units} + lane;
  var sum = vec4f(0.0);
  for (var g = ${first}; g < ${groups}; g${step}) {
    let at = panel + g * ${units};
${indent((gpu ? streamed : shuffles ? shuffled : read)(problem, module, blocks), '    ')}
  }
${indent(reduce)}
  let sums = array(sum);
${indent(lines)}
}
`
      return {
        body,
        output: { wide },
        grid: [count, 1, 1],
        enable: shuffles ? ['subgroups'] : [],
      }
    },
    context.profile.imageRows > 0 ? new Set([node]) : new Set(),
  )
  return { ...source, packed: [node] }
}

/** a at k, four numbers; what lies beyond the last k is 0. */
const fourOfA = (problem: Problem, module: Module, { deep }: Blocks): { lines: readonly string[]; text: string } => {
  const block = new Block(module, { axis: a => (a === 'm' ? 'm0' : a), four: 'k' }, 'a_')
  const [quad] = block.print(problem.a) as [Text]
  const text = widen(quad).text
  const whole = Number(problem.k) === deep
  return { lines: block.lines, text: whole ? text : `select(vec4f(0.0), ${text}, k < ${problem.k})` }
}
const dots = (unit: (j: number) => string, x: string): string =>
  `vec4f(${[0, 1, 2, 3].map(j => `dot(${unit(j)}, ${x})`).join(', ')})`
const range = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i)
const loadUnits = (at: (i: string) => string, chunk: string, first: number): readonly string[] =>
  range(4).map(j => `let w${j} = ${at(`${chunk}${first + 8 * j === 0 ? '' : ` + ${first + 8 * j}`}`)};`)

/** Scales of a lane's columns in the first or the second half of a block. */
const scaleText = (half: number): string =>
  half === 0 ? 'halves(vec2u(scales.x, scales.y))' : 'halves(vec2u(scales.z, scales.w))'

/** One block, with a spread over eight lanes and handed round. */
const shuffled = (problem: Problem, module: Module, blocks: Blocks): readonly string[] => {
  const { codec } = blocks
  const { per, group, zero, factors } = codec
  const units = module.units(blocks.node)
  const chunks = 32 / per
  const quads = per / 4
  const { lines, text } = fourOfA(problem, module, blocks)
  const halves = range(group / 32).map(h => {
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
      '{',
      indent([
        `let k = ${k};`,
        ...lines,
        ...(zero === undefined ? [`let mine = ${text};`] : [`var mine = ${text};`, ...total]),
        ...(factors === undefined ? [] : [`mine *= ${factors};`]),
        ...steps,
        ...(zero === undefined ? [] : [`sum += part * ${scaleText(h)};`]),
      ]),
      '}',
    ]
  })
  return [...(zero === undefined ? [] : [`let scales = ${units(`at + ${unitsOf(codec) - 8}`)};`]), ...halves.flat()]
}

/** One block, every lane reading a for itself. */
const read = (problem: Problem, module: Module, blocks: Blocks): readonly string[] => {
  const { codec } = blocks
  const { per, group, zero, factors } = codec
  const units = module.units(blocks.node)
  const chunks = 32 / per
  const quads = per / 4
  const { lines, text } = fourOfA(problem, module, blocks)
  const halves = range(group / 32).map(h => {
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
      '{',
      indent([
        ...(zero === undefined ? [] : ['var total = 0.0;', 'var part = vec4f(0.0);']),
        ...(chunks === 1 ? chunk : [`for (var c = 0; c < ${chunks}; c++) {`, indent(chunk), '}']),
        ...(zero === undefined ? [] : [`sum += (part - total) * ${scaleText(h)};`]),
      ]),
      '}',
    ]
  })
  return [...(zero === undefined ? [] : [`let scales = ${units(`at + ${unitsOf(codec) - 8}`)};`]), ...halves.flat()]
}

/** units that a lane asks for before it unpacks the first of them */
const underWay = 16
const components = ['x', 'y', 'z', 'w'] as const
const total4 = (v: string): string => components.map(c => `${v}.${c}`).join(' + ')

/** One block, all of which is on its way before it is unpacked; four sums for each column, since dot products would add once more. */
const streamed = (problem: Problem, module: Module, blocks: Blocks): readonly string[] => {
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
    const { lines, text } = fourOfA(problem, module, blocks)
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

/** The sums of lanes that share columns, added in one order; the first eight lanes have the result and store it. */
const addedUp = (parts: number): readonly string[] => [
  'part_sums[local] = sum;',
  `for (var half = ${(parts * blockLanes) / 2}u; half >= ${blockLanes}u; half /= 2u) {`,
  '  workgroupBarrier();',
  '  if (local < half) { part_sums[local] += part_sums[local + half]; }',
  '}',
  `if (local >= ${blockLanes}u) { return; }`,
  'sum = part_sums[local];',
]
