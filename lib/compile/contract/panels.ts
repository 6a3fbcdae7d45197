/**
 * The fast schedule where loads are dear and shuffles cheap (lavapipe: a load costs about twenty multiply-adds, a fetch from an image
 * eight). One subgroup of eight makes up to 16 rows by 32 columns: a lane owns four columns and reads b as one vec4 a step from panels
 * packed for that; a arrives as one vec4 a lane, handed round by subgroupShuffle. Both are read from images. b is packed once where it
 * is weights (`prepare`), by a pass that counts where it is not, and so is a where it is not plain rows along k, as the patches of a
 * convolution. Packing pads k and n to multiples of 32 with zeros, so that no size is a special case.
 */
import { and, axis, compare, literal, plus, select, sizeOf, times, type Expr } from '../../form/index.ts'
import type { Applied, Node } from '../../graph/index.ts'
import { size, type Dim } from '../../shape/index.ts'
import { indent, printModule, type KernelSource } from '../kernel.ts'
import { Block, widen, type Module, type Text } from '../wgsl.ts'
import { leavesOf, pack } from './packing.ts'
import { alongK, type Problem } from './problem.ts'
import { lastOf, storeTile } from './tiles.ts'

const lanes = 8
const most = 16
const width = 4 * lanes

const divideUp = (d: Dim, by: number): Dim => size.floorDiv(size.add(d, by - 1), by)
const padded = (d: Dim): Dim => size.mul(divideUp(d, width), width)
/** Rows of a tile: those of a short a are divided evenly. */
const rowsFor = (m: Dim): number => (typeof m === 'number' ? Math.ceil(m / Math.ceil(m / most)) : most)
/** The node whose rows lie along k as they are, where a is nothing but those: its image will do. */
const rowsOfA = (problem: Problem): Node | undefined =>
  problem.a.e === 'load' && alongK(problem, problem.a) ? problem.a.of : undefined

/** Does the schedule fit the device and the problem? */
export const panelsFit = ({ context, m, n, k }: Problem): boolean => {
  const { tuning, subgroup, imageRows } = context.profile
  if (tuning !== 'lavapipe' || subgroup[0] !== lanes || subgroup[1] !== lanes || imageRows === 0) return false
  return m !== 0 && k !== 0 && !(typeof n === 'number' && n < width)
}
/** Numbers that are packed for one product at every run, and the steps that packing and copies into images take. */
export const panelsCopies = (problem: Problem): { readonly numbers: Dim; readonly steps: number } => {
  const { context, batch, m, n, k } = problem
  const isFixed = (x: Expr): boolean => leavesOf(x).every(context.isFixed)
  const packsA = rowsOfA(problem) === undefined && !isFixed(problem.a)
  const packsB = !isFixed(problem.b)
  const numbers = size.add(packsA ? size.prod([batch, m, k]) : 0, packsB ? size.prod([batch, n, k]) : 0)
  return { numbers, steps: 1 + (packsA ? 1 : 0) + (packsB ? 2 : 0) }
}
/** Whole tiles, whole panels. */
export const panelsProducts = ({ batch, m, n, k }: Problem): Dim =>
  size.prod([batch, divideUp(m, rowsFor(m)), rowsFor(m), padded(n), padded(k)])
/** Numbers fetched from images for one multiply-add: a once for 32 columns, b once for the rows of a tile. */
export const panelsFetches = ({ m }: Problem): number => 1 / width + 1 / rowsFor(m)
/** Seconds that the driver takes: every row of a tile is a line in the innermost loop. */
export const panelsCompiling = ({ m }: Problem): number => 0.35 + 0.015 * rowsFor(m)

/** What lies inside, and zero where an index is beyond its axis. */
const orZero = (x: Expr, ...axes: readonly (readonly [at: Expr, extent: Dim, padded: Dim])[]): Expr => {
  const guards = axes
    .filter(([, extent, padded]) => extent !== padded)
    .map(([at, extent]) => compare(at, '<', sizeOf(extent)))
  return guards.length === 0 ? x : select(guards.reduce(and), x, literal(0))
}
/** b in panels of 32 columns, each k-major, the last one filled up with zeros. */
const panelsOfB = ({ batch, n, k, elementOfB }: Problem): Applied =>
  pack([batch, divideUp(n, width), padded(k), width], index => {
    const [b, panel, kAt, column] = index as [Expr, Expr, Expr, Expr]
    const nAt = plus(times(panel, width), column)
    return orZero(elementOfB(b, nAt, kAt), [kAt, k, padded(k)], [nAt, n, padded(n)])
  })
/** a in rows along k, each filled up with zeros. */
const paddedRowsOfA = ({ batch, m, k, elementOfA }: Problem): Applied =>
  pack([batch, m, padded(k)], index => {
    const [b, mAt, kAt] = index as [Expr, Expr, Expr]
    return orZero(elementOfA(b, mAt, kAt), [kAt, k, padded(k)])
  })

export const panels = (problem: Problem): KernelSource => {
  const { context, batch, m, n, k } = problem
  const deep = padded(k)
  const across = divideUp(n, width)
  const rows = rowsFor(m)
  const down = divideUp(m, rows)
  const count = size.prod([batch, down, across])
  const b = panelsOfB(problem)
  const copied = rowsOfA(problem) === undefined ? paddedRowsOfA(problem) : undefined
  const a: Expr =
    copied === undefined
      ? problem.a
      : { e: 'load', of: copied, index: [axis('batch', batch), axis('m', m), axis('k', deep)] }

  const body = (module: Module) => {
    const panel = module.buffer(b).at
    const each = Array.from({ length: rows }, (_, r) => r)
    const loads = each.flatMap(r => {
      const whole = r === 0 || (typeof m === 'number' && m % rows === 0)
      const row = r === 0 ? 'm0' : whole ? `m0 + ${r}` : `min(m0 + ${r}, ${lastOf(module, m)})`
      const block = new Block(module, { axis: name => (name === 'm' ? row : name), four: 'k' }, `a${r}_`)
      const [quad] = block.print(a) as [Text]
      const inside = copied !== undefined || k === deep
      const { text } = widen(quad)
      return [...block.lines, `let row${r} = ${inside ? text : `select(vec4f(0.0), ${text}, k < ${module.size(k)})`};`]
    })
    const steps = each.map(
      r => `{ let a = subgroupShuffle(row${r}, s); sum${r} += a.x * b0 + a.y * b1 + a.z * b2 + a.w * b3; }`,
    )
    const ragged = typeof n !== 'number' || n % width !== 0
    const { lines, wide } = storeTile(problem, module, rows, ragged)
    const text = `@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = i32(group.y * 32768u + group.x);
  if (tile >= ${module.size(count)}) { return; }
  // tiles of one panel follow one another: it stays in the cache
  let m0 = tile % ${module.size(down)} * ${rows};
  let column = tile / ${module.size(down)}${batch === 1 ? '' : ` % ${module.size(across)}`};
${batch === 1 ? '' : `  let batch = tile / ${module.size(size.mul(down, across))};\n`}  let n0 = column * ${width} + i32(lane) * 4;
  let panel = ${batch === 1 ? 'column' : `(batch * ${module.size(across)} + column)`} * ${module.size(size.mul(deep, lanes))} + i32(lane);
${indent(each.map(r => `var sum${r} = vec4f(0.0);`))}
  for (var k0 = 0; k0 < ${module.size(deep)}; k0 += ${width}) {
    let k = k0 + i32(lane) * 4;
${indent(loads, '    ')}
    for (var s = 0u; s < ${lanes}u; s++) {
      let at = panel + (k0 + i32(s) * 4) * ${lanes};
      let b0 = ${panel('at')};
      let b1 = ${panel(`at + ${lanes}`)};
      let b2 = ${panel(`at + ${2 * lanes}`)};
      let b3 = ${panel(`at + ${3 * lanes}`)};
${indent(steps, '      ')}
    }
  }
  var sums: array<vec4f, ${rows}>;
${indent(each.map(r => `sums[${r}] = sum${r};`))}
${indent(lines)}
}
`
    return { body: text, output: { wide }, grid: [count, 1, 1] as const, enable: ['subgroups'] }
  }
  const images = new Set<Node>([b, ...(a.e === 'load' ? [a.of] : [])])
  return { ...printModule(context, body, images), packed: copied === undefined ? [b] : [b, copied] }
}
