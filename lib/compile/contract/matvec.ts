/**
 * The schedule for a few rows of a, where all time goes into reading b: b is weights in blocks (blocks.ts), a lane makes four columns of
 * one row, and nothing is unpacked twice. Rows beyond the first read the weights again, out of caches where those are large enough.
 *
 * Where subgroups are eight lanes, one makes a block of columns alone, and hands a round by shuffles. Elsewhere lanes read a themselves.
 * On a GPU many such eights share the k's of a block of columns and add up their sums in workgroup memory; each asks for a whole block
 * before it unpacks any of it, so that enough of the weights is on its way at any time.
 */
import type { Expr } from '../../form/index.ts'
import { size } from '../../shape/index.ts'
import { indent, printModule, type KernelSource } from '../kernel.ts'
import { Block, widen, type Module, type Text } from '../wgsl.ts'
import { blockColumns, blockLanes, blocksFit, blocksOf, codecs, unitsOf, type Blocks } from './blocks.ts'
import type { Problem } from './problem.ts'
import { besideOwn, ownRows } from './remade.ts'
import { storeTile } from './tiles.ts'

/** rows up to which reading the weights again costs less than a tile of rows */
export const fewRows = 4

export const matvecFits = (problem: Problem): boolean =>
  typeof problem.m === 'number' && problem.m > 0 && problem.m <= fewRows && blocksFit(problem)

/** lanes that keep a large GPU busy: a thousand for each of its cores */
const busy = 2 ** 17
/**
 * Lanes of a workgroup on a GPU: fewer where there are many columns, and those that have a block each. More than 512 gain where each has
 * two, of numbers without scales.
 */
const lanesFor = (problem: Problem): number => {
  const workgroups = Number(problem.batch) * Math.ceil(Number(problem.n) / blockColumns)
  const isPlain = codecs[problem.context.weights].zero === undefined
  const most = isPlain && mostLanes(problem) >= 2048 ? 1024 : 512
  const wanted = Math.max(128, Math.min(most, busy / workgroups))
  return atMost(Math.min(wanted, mostLanes(problem)), problem)
}
/** So many lanes or the next lower power of two, and what a workgroup may have. */
const atMost = (lanes: number, { context: { profile } }: Problem, products = 1): number =>
  2 ** Math.floor(Math.log2(Math.min(lanes, profile.maxInvocations / products)))
/** Lanes that have a block each. */
const mostLanes = ({ context: { weights }, k }: Problem): number =>
  blockLanes * Math.ceil(Number(k) / codecs[weights].group)
/** Numbers of lanes to be measured beside the one that is estimated best. */
export const matvecLanes = [64, 128, 256, 512, 1024] as const
export const matvecFitsWith =
  (lanes: number) =>
  (problem: Problem): boolean =>
    problem.context.profile.tuning === 'gpu' &&
    lanes <= Math.min(problem.context.profile.maxInvocations, mostLanes(problem)) &&
    matvecFits(problem) &&
    lanes !== lanesFor(problem)

export const matvec = (problem: Problem, given?: number): KernelSource => {
  const { context, batch, m, n } = problem
  const { profile } = context
  const blocks = blocksOf(problem, context.weights)
  const { across, groups, node, codec } = blocks
  const gpu = profile.tuning === 'gpu'
  const shuffles = !gpu && profile.subgroup[0] === blockLanes && profile.subgroup[1] === blockLanes
  const rows = gpu ? ownRows(problem) : undefined
  const own = rows === undefined ? problem : { ...problem, a: rows.a }
  const beside = gpu ? besideOwn(problem) : undefined
  const other = beside === undefined ? undefined : blocksOf(beside.problem, context.weights)
  const products = beside === undefined ? 1 : 2
  const parts = gpu ? atMost(given ?? lanesFor(problem), problem, products) / blockLanes : 1
  /** lanes that share the k's of a product */
  const sharing = blockLanes * parts
  const lanes = products * sharing
  const count = size.prod([batch, m, across])
  const units = unitsOf(codec)

  const source = printModule(
    context,
    module => {
      const ended = beside === undefined ? problem : { ...problem, value: beside.value }
      const { lines, wide } = storeTile(ended, module, 1, Number(n) % blockColumns !== 0)
      const [first, step] =
        parts === 1 ? ['0', '++'] : [`i32(local)${products === 1 ? '' : ` % ${sharing}`} / 8`, ` += ${parts}`]
      const way = gpu ? streamed : shuffles ? shuffled : read
      const summed = (of: Blocks): readonly string[] => [
        `for (var g = ${first}; g < ${groups}; g${step}) {`,
        indent([
          `let at = panel + g * ${units};`,
          ...way({ problem: own, module, blocks: of, summand: rows?.summand }),
        ]),
        '}',
      ]
      const both = (of: Blocks): readonly string[] => [
        `if (local < ${sharing}u) {`,
        indent(summed(blocks)),
        '} else {',
        indent(summed(of)),
        '}',
      ]
      const row: Text = { text: 'row', precedence: 4, spread: 'uniform', aligned: false, kind: 'float' }
      const factor = rows && new Block(module, { axis: name => name, folded: () => row }).print(rows.factor)[0]!.text
      const head = [
        ...(codec.code === undefined ? [] : [`${codec.code}\n`]),
        ...(lanes === blockLanes ? [] : [`var<workgroup> part_sums: array<vec4f, ${lanes}>;\n`]),
        ...(lanes === blockLanes || rows === undefined ? [] : [`var<workgroup> part_rows: array<f32, ${lanes}>;\n`]),
      ]
      const body = `${head.join('')}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(${shuffles ? 'subgroup_invocation_id' : 'local_invocation_index'}) local: u32) {
  let tile = i32(group.y * 32768u + group.x);
  if (tile >= ${module.size(count)}) { return; }
  let lane = i32(local)${lanes === blockLanes ? '' : ' % 8'};
  let column = tile % ${across};
  let m0 = tile / ${across}${batch === 1 ? '' : ` % ${module.size(m)}`};
${batch === 1 ? '' : `  let batch = tile / ${module.size(size.mul(across, m))};\n`}  let n0 = column * ${blockColumns} + lane * 4;
  let panel = ${batch === 1 ? 'column' : `(batch * ${across} + column)`} * ${groups * units} + lane;
  var sum = vec4f(0.0);
${rows === undefined ? '' : '  var row_part = vec4f(0.0);\n'}${indent(other === undefined ? summed(blocks) : both(other))}
${indent(addedUp({ sharing, products, factor }))}
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
  const remade = [...(rows === undefined ? [] : [rows.node]), ...(beside === undefined ? [] : [beside.node])]
  return { ...source, packed: other === undefined ? [node] : [node, other.node], remade }
}

/** What a lane needs to know to sum over a block. */
interface Ground {
  readonly problem: Problem
  readonly module: Module
  readonly blocks: Blocks
  /** what it sums up of a besides */
  readonly summand: Expr | undefined
}
/** a at k, four numbers, and what is summed up besides; what lies beyond the last k is 0. */
const fourOfA = (ground: Ground): { readonly lines: readonly string[]; readonly text: string } => {
  const { problem, module, summand } = ground
  const block = new Block(module, { axis: a => (a === 'm' ? 'm0' : a), four: 'k' }, 'a_')
  const [quad, more] = block.print(problem.a, ...(summand === undefined ? [] : [summand])) as [Text, ...Text[]]
  const whole = Number(problem.k) === ground.blocks.deep
  const inside = (x: Text): string => (whole ? widen(x).text : `select(vec4f(0.0), ${widen(x).text}, k < ${problem.k})`)
  return {
    lines: [...block.lines, ...(more === undefined ? [] : [`row_part += ${inside(more)};`])],
    text: inside(quad),
  }
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
const shuffled = (ground: Ground): readonly string[] => {
  const { module, blocks } = ground
  const { codec } = blocks
  const { per, group, zero, factors } = codec
  const units = module.units(blocks.node)
  const chunks = 32 / per
  const quads = per / 4
  const { lines, text } = fourOfA(ground)
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
const read = (ground: Ground): readonly string[] => {
  const { module, blocks } = ground
  const { codec } = blocks
  const { per, group, zero, factors } = codec
  const units = module.units(blocks.node)
  const chunks = 32 / per
  const quads = per / 4
  const { lines, text } = fourOfA(ground)
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
const streamed = (ground: Ground): readonly string[] => {
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

/**
 * The sums of lanes that share columns, added in one order; the first eight lanes have the result and store it. Of two products, the
 * lanes of each add up their own. Where the row has a factor, what it is made of is added up beside them.
 */
const addedUp = ({
  sharing,
  products,
  factor,
}: {
  readonly sharing: number
  readonly products: number
  readonly factor: string | undefined
}): readonly string[] => {
  /** a line for the sums, and where the row has a factor one for what that is made of */
  const both = (sums: string, rows: string): readonly string[] => (factor === undefined ? [sums] : [sums, rows])
  const ofRow = total4('row_part')
  const added = both('part_sums[local] += part_sums[local + half];', 'part_rows[local] += part_rows[local + half];')
  const met = [
    ...both('part_sums[local] = sum;', `part_rows[local] = ${ofRow};`),
    `for (var half = ${sharing / 2}u; half >= ${blockLanes}u; half /= 2u) {`,
    '  workgroupBarrier();',
    `  if (local${products === 1 ? '' : ` % ${sharing}u`} < half) { ${added.join(' ')} }`,
    '}',
    ...(products === 1 ? [] : ['workgroupBarrier();']),
    `if (local >= ${blockLanes}u) { return; }`,
    ...both('sum = part_sums[local];', 'let row = part_rows[local];'),
  ]
  const scaled = factor === undefined ? '' : ' * factor'
  return [
    ...(sharing * products > blockLanes ? met : both('', `let row = ${ofRow};`).slice(1)),
    ...(factor === undefined ? [] : [`let factor = ${factor};`, 'sum *= factor;']),
    ...(products === 1 ? [] : [`let others = array(part_sums[local + ${sharing}u]${scaled});`]),
  ]
}
