/**
 * The fast schedule where loads are dear and shuffles cheap (lavapipe: a load costs about twenty multiply-adds). One subgroup of eight
 * makes 16 rows by 32 columns: a lane owns four columns, reads b as one vec4 a step from panels packed for that, and a arrives as one
 * vec4 a lane, handed round by subgroupShuffle. b are weights, packed once (`prepare`); where a does not lie along k, as the patches of a
 * convolution, its rows are copied so by a pass that counts.
 */
import { and, axis, compare, literal, plus, select, sizeOf, times, type Expr } from '../../form/index.ts'
import { size, type Dim } from '../../shape/index.ts'
import { indent, printModule, type KernelSource } from '../kernel.ts'
import { Block, widen, type Text } from '../wgsl.ts'
import { leavesOf, pack } from './packing.ts'
import { alongK, type Problem } from './problem.ts'
import { storeTile } from './tiles.ts'

const lanes = 8
const rows = 16
const width = 4 * lanes
/** Does the schedule fit the device and the problem? */
export const panelsFit = (problem: Problem): boolean => {
  const { context, b, k, n, m } = problem
  const { tuning, subgroup } = context.profile
  if (tuning !== 'lavapipe' || subgroup[0] !== lanes || subgroup[1] !== lanes) return false
  const wide = typeof k === 'number' && typeof n === 'number' && n >= width
  return wide && !(typeof m === 'number' && m < 4) && leavesOf(b).every(context.isFixed)
}
/** Numbers of a that are copied for one product, at every run: none where a lies along k. */
export const panelsCopies = (problem: Problem): Dim =>
  alongK(problem, problem.a) ? 0 : size.prod([problem.batch, problem.m, problem.k])

export const panels = (problem: Problem): KernelSource => {
  const { context, batch, m, n, k } = problem
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

  const source = printModule(context, module => {
    const b = module.buffer(packed).at
    const aBlock = new Block(module, { axis: a => (a === 'm' ? 'm0 + r' : a), four: 'k' }, 'a_')
    const [quad] = aBlock.print(a) as [Text]
    const inside = Number(k) === deep || rowsOfA !== undefined
    const rest = inside ? widen(quad).text : `select(vec4f(0.0), ${widen(quad).text}, k < ${k})`
    const { lines, wide } = storeTile(problem, module, rows, Number(n) % width !== 0)
    const each = Array.from({ length: rows }, (_, r) => r)
    const steps = each.map(
      r => `{ let a = subgroupShuffle(row[${r}], s); sum${r} += a.x * b0 + a.y * b1 + a.z * b2 + a.w * b3; }`,
    )
    const body = `@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = i32(group.y * 32768u + group.x);
  if (tile >= ${module.size(count)}) { return; }
  let column = tile % ${across};
  let m0 = tile / ${across} % ${module.size(rowTiles)} * ${rows};
${batch === 1 ? '' : `  let batch = tile / ${module.size(size.mul(across, rowTiles))};\n`}  let n0 = column * ${width} + i32(lane) * 4;
  let panel = ${batch === 1 ? 'column' : `(batch * ${across} + column)`} * ${deep * lanes} + i32(lane);
  let count = min(${rows}, ${module.size(m)} - m0); // not a constant on purpose: loops up to it stay loops
  var row: array<vec4f, ${rows}>;
${indent(each.map(r => `var sum${r} = vec4f(0.0);`))}
  for (var k0 = 0; k0 < ${deep}; k0 += ${width}) {
    let k = k0 + i32(lane) * 4;
    for (var r = 0; r < count; r++) {
${indent([...aBlock.lines, `row[r] = ${rest};`], '      ')}
    }
    for (var s = 0u; s < ${lanes}u; s++) {
      let at = panel + (k0 + i32(s) * 4) * ${lanes};
      let b0 = ${b(`at`)};
      let b1 = ${b(`at + ${lanes}`)};
      let b2 = ${b(`at + ${2 * lanes}`)};
      let b3 = ${b(`at + ${3 * lanes}`)};
${indent(steps, '      ')}
    }
  }
  var sums: array<vec4f, ${rows}>;
${indent(each.map(r => `sums[${r}] = sum${r};`))}
${indent(lines)}
}
`
    return { body, output: { wide }, grid: [count, 1, 1], enable: ['subgroups'] }
  })
  return { ...source, packed: rowsOfA === undefined ? [packed] : [packed, rowsOfA] }
}
