/**
 * The fast schedule where loads are dear and shuffles cheap (lavapipe: a load costs about twenty multiply-adds). One subgroup of eight
 * makes some rows by 32 columns: a lane owns four columns, reads b as one vec4 a step from panels packed for that, and a arrives as one
 * vec4 a lane, handed round by subgroupShuffle. b is packed once where it is weights (`prepare`), by a pass that counts where it is not;
 * and so is a where it does not lie along k, as the patches of a convolution. Both are read from images.
 */
import { and, axis, compare, literal, plus, select, sizeOf, times, type Expr } from '../../form/index.ts'
import type { Node } from '../../graph/index.ts'
import { size, type Dim } from '../../shape/index.ts'
import { indent, printModule, type KernelSource } from '../kernel.ts'
import { Block, widen, type Text } from '../wgsl.ts'
import { leavesOf, pack } from './packing.ts'
import { alongK, type Problem } from './problem.ts'
import { lastOf, storeTile } from './tiles.ts'

const lanes = 8
const most = 16
const width = 4 * lanes
/** Rows of a tile: those of a short a are divided evenly. */
const rowsFor = (m: Dim): number => (typeof m === 'number' ? Math.ceil(m / Math.ceil(m / most)) : most)

/** Does the schedule fit the device and the problem? */
export const panelsFit = (problem: Problem): boolean => {
  const { context, k, n, m } = problem
  const { tuning, subgroup, imageRows } = context.profile
  if (tuning !== 'lavapipe' || subgroup[0] !== lanes || subgroup[1] !== lanes || imageRows === 0) return false
  const wide = typeof k === 'number' && typeof n === 'number' && n >= width
  return wide && m !== 0
}
/** Numbers that are copied for one product, at every run. */
export const panelsCopies = (problem: Problem): Dim => {
  const { context, batch, m, n, k } = problem
  const ofA = alongK(problem, problem.a) ? 0 : size.prod([batch, m, k])
  const ofB = leavesOf(problem.b).every(context.isFixed) ? 0 : size.prod([batch, n, k])
  return size.add(ofA, ofB)
}

export const panels = (problem: Problem): KernelSource => {
  const { context, batch, m, n, k } = problem
  const rows = rowsFor(m)
  const deep = Math.ceil(Number(k) / width) * width
  const across = Math.ceil(Number(n) / width)
  const shape = [batch, across, deep, width]
  const rowElement = (index: readonly Expr[]): Expr => {
    const [b, mAt, kAt] = index as [Expr, Expr, Expr]
    const x = problem.elementOfA(b, mAt, kAt)
    return Number(k) === deep ? x : select(compare(kAt, '<', sizeOf(k)), x, literal(0))
  }
  const element = (index: readonly Expr[]): Expr => {
    const [b, p, kAt, c] = index as [Expr, Expr, Expr, Expr]
    const nAt = plus(times(p, width), c)
    const inK = Number(k) === deep ? undefined : compare(kAt, '<', sizeOf(k))
    const inN = Number(n) === across * width ? undefined : compare(nAt, '<', sizeOf(n))
    const inside = inK !== undefined && inN !== undefined ? and(inK, inN) : (inK ?? inN)
    const x = problem.elementOfB(b, nAt, kAt)
    return inside === undefined ? x : select(inside, x, literal(0))
  }
  const packed = pack(shape, element)
  const rowsOfA = alongK(problem, problem.a) ? undefined : pack([batch, m, deep], rowElement)
  const rowTiles = size.floorDiv(size.add(m, rows - 1), rows)
  const count = size.prod([batch, rowTiles, across])
  const a: Expr =
    rowsOfA === undefined
      ? problem.a
      : { e: 'load', of: rowsOfA, index: [axis('batch', batch), axis('m', m), axis('k', deep)] }
  const images = new Set<Node>([packed, ...(a.e === 'load' ? [a.of] : [])])

  const source = printModule(
    context,
    module => {
      const b = module.buffer(packed).at
      const inside = Number(k) === deep || rowsOfA !== undefined
      const whole = typeof m === 'number' && m % rows === 0
      const each = Array.from({ length: rows }, (_, r) => r)
      const loads = each.flatMap(r => {
        const row = r === 0 ? 'm0' : whole ? `m0 + ${r}` : `min(m0 + ${r}, ${lastOf(module, m)})`
        const block = new Block(module, { axis: a => (a === 'm' ? row : a), four: 'k' }, `a${r}_`)
        const [quad] = block.print(a) as [Text]
        const rest = inside ? widen(quad).text : `select(vec4f(0.0), ${widen(quad).text}, k < ${k})`
        return [...block.lines, `let row${r} = ${rest};`]
      })
      const { lines, wide } = storeTile(problem, module, rows, Number(n) % width !== 0)
      const step = (s: string): string[] => [
        `let at = panel + (k0 + i32(s) * 4) * ${lanes};`,
        ...[0, 1, 2, 3].map(d => `let b${d} = ${b(d === 0 ? 'at' : `at + ${d * lanes}`)};`),
        ...each.map(
          r => `{ let a = subgroupShuffle(row${r}, ${s}); sum${r} += a.x * b0 + a.y * b1 + a.z * b2 + a.w * b3; }`,
        ),
      ]
      const body = `@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = i32(group.y * 32768u + group.x);
  if (tile >= ${module.size(count)}) { return; }
  let column = tile % ${across};
  let m0 = tile / ${across} % ${module.size(rowTiles)} * ${rows};
${batch === 1 ? '' : `  let batch = tile / ${module.size(size.mul(across, rowTiles))};\n`}  let n0 = column * ${width} + i32(lane) * 4;
  let panel = ${batch === 1 ? 'column' : `(batch * ${across} + column)`} * ${deep * lanes} + i32(lane);
${indent(each.map(r => `var sum${r} = vec4f(0.0);`))}
  for (var k0 = 0; k0 < ${deep}; k0 += ${width}) {
    let k = k0 + i32(lane) * 4;
${indent(loads, '    ')}
    for (var s = 0u; s < ${lanes}u; s++) {
${indent(step('s'), '      ')}
    }
  }
  var sums: array<vec4f, ${rows}>;
${indent(each.map(r => `sums[${r}] = sum${r};`))}
${indent(lines)}
}
`
      return { body, output: { wide }, grid: [count, 1, 1], enable: ['subgroups'] }
    },
    images,
  )
  return { ...source, packed: rowsOfA === undefined ? [packed] : [packed, rowsOfA] }
}
