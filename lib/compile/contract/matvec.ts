/**
 * The schedule for a few rows of a, where all time goes into reading b: b is weights in blocks (blocks.ts), a lane makes four columns of
 * one row, and nothing is unpacked twice. Rows beyond the first read the weights again, out of caches where those are large enough.
 *
 * In software eight lanes make a block of columns alone. On a GPU many such eights share the k's of a block of columns and add up their sums
 * in workgroup memory. There it also makes anew what it would wait for (remade.ts): the factor of its rows, summed up beside its own sums,
 * and another product of them, by as many lanes again.
 */
import { size } from '../../shape/index.ts'
import { indent, printModule, type KernelSource } from '../kernel.ts'
import { Block, type Text } from '../wgsl.ts'
import { read, shuffled, streamed, total4 } from './block-steps.ts'
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
/** bytes of workgroup memory that every device has */
const memory = 2 ** 14
/** So many lanes or the next lower power of two, and what a workgroup may have; each leaves `bytes` in its memory. */
const atMost = (lanes: number, { context: { profile } }: Problem, products = 1, bytes = 16): number =>
  2 ** Math.floor(Math.log2(Math.min(lanes, Math.min(profile.maxInvocations, memory / bytes) / products)))
/** Lanes that have a block each. */
const mostLanes = ({ context: { weights }, k }: Problem): number =>
  blockLanes * Math.ceil(Number(k) / codecs[weights].group)
/** Numbers of lanes to be measured beside the one that is estimated best. */
export const matvecLanes = [64, 128, 256, 512, 1024] as const
export const matvecFitsWith =
  (lanes: number) =>
  (problem: Problem): boolean =>
    problem.context.profile.tuning === 'gpu' &&
    lanes <= atMost(mostLanes(problem), problem) &&
    matvecFits(problem) &&
    lanes !== lanesFor(problem)

export const matvec = (problem: Problem, given?: number): KernelSource => {
  const made = kernelOf(problem, given, true)
  const bound = made.reads.length + 1
  return bound <= problem.context.profile.maxStorageBuffers ? made : kernelOf(problem, given, false)
}
/** `remakes` says whether it makes anew what it would wait for, which may take more bindings. */
const kernelOf = (problem: Problem, given: number | undefined, remakes: boolean): KernelSource => {
  const { context, batch, m, n } = problem
  const { profile } = context
  const blocks = blocksOf(problem, context.weights)
  const { across, groups, node, codec } = blocks
  const gpu = profile.tuning === 'gpu'
  const shuffles = !gpu && profile.subgroup[0] === blockLanes && profile.subgroup[1] === blockLanes
  const rows = gpu && remakes ? ownRows(problem) : undefined
  const own = rows === undefined ? problem : { ...problem, a: rows.a }
  const beside = gpu && remakes ? besideOwn(problem) : undefined
  const other = beside === undefined ? undefined : blocksOf(beside.problem, context.weights)
  const products = beside === undefined ? 1 : 2
  const bytes = rows === undefined ? 16 : 20
  const parts = gpu ? atMost(given ?? lanesFor(problem), problem, products, bytes) / blockLanes : 1
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
      const summedBoth = (of: Blocks): readonly string[] => [
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
${rows === undefined ? '' : '  var row_part = vec4f(0.0);\n'}${indent(other === undefined ? summed(blocks) : summedBoth(other))}
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

/**
 * The sums of lanes that share columns, added in one order; the first eight lanes have the result and store it. Of two products, the
 * lanes of each add up their own. Where the row has a factor, what it is made of is added up beside them.
 */
const addedUp = (meeting: Meeting): readonly string[] => {
  const { sharing, products, factor } = meeting
  const row = factor === undefined ? [] : [`let factor = ${factor};`, 'sum *= factor;']
  const other = `part_sums[local + ${sharing}u]${factor === undefined ? '' : ' * factor'}`
  return [
    ...(sharing * products > blockLanes ? met(meeting) : factor === undefined ? [] : [`let row = ${ofRow};`]),
    ...row,
    ...(products === 1 ? [] : [`let others = array(${other});`]),
  ]
}
interface Meeting {
  /** lanes that share the k's of a product, and products */
  readonly sharing: number
  readonly products: number
  /** of the row, as text of `row` */
  readonly factor: string | undefined
}
const ofRow = total4('row_part')
const met = ({ sharing, products, factor }: Meeting): readonly string[] => {
  /** a line for the sums, and where the row has a factor one for what that is made of */
  const each = (sums: string, rows: string): readonly string[] => (factor === undefined ? [sums] : [sums, rows])
  const added = each('part_sums[local] += part_sums[local + half];', 'part_rows[local] += part_rows[local + half];')
  return [
    ...each('part_sums[local] = sum;', `part_rows[local] = ${ofRow};`),
    `for (var half = ${sharing / 2}u; half >= ${blockLanes}u; half /= 2u) {`,
    '  workgroupBarrier();',
    `  if (local${products === 1 ? '' : ` % ${sharing}u`} < half) { ${added.join(' ')} }`,
    '}',
    ...(products === 1 ? [] : ['workgroupBarrier();']),
    `if (local >= ${blockLanes}u) { return; }`,
    ...each('sum = part_sums[local];', 'let row = part_rows[local];'),
  ]
}
