/**
 * The schedules for GPUs without subgroup matrices: a workgroup makes a square tile, a lane some rows of four columns in registers; both
 * operands pass through workgroup memory, 16 k's at a time, so that each number is read from memory once a workgroup. (The first tile
 * is that of llama.cpp's search over four GPUs and of ONNX Runtime's matmul: 64 lanes, 4x4 a lane.)
 */
import type { Expr } from '../../form/index.ts'
import { size } from '../../shape/index.ts'
import { indent, printModule, type KernelSource } from '../kernel.ts'
import { Block, widen, type Module, type Text } from '../wgsl.ts'
import { alongK, type Problem } from './problem.ts'
import { lastOf, storeTile } from './tiles.ts'

const deep = 16

/** What a workgroup makes: a square of so many numbers a side, so many rows of four columns a lane. */
interface Tile {
  readonly name: string
  readonly side: number
  readonly rows: number
}
export const sharedTiles: readonly Tile[] = [
  { name: 'shared', side: 32, rows: 4 },
  { name: 'shared, 64 by 4 rows', side: 64, rows: 4 },
  { name: 'shared, 64 by 8 rows', side: 64, rows: 8 },
]
const lanesOf = ({ side, rows }: Tile): number => (side / 4) * (side / rows)

/** Not where most of a tile would lie outside. */
export const sharedFits =
  (tile: Tile) =>
  ({ context: { profile }, m, n }: Problem): boolean =>
    profile.tuning === 'gpu' &&
    lanesOf(tile) <= profile.maxInvocations &&
    ![m, n].some(extent => typeof extent === 'number' && extent < tile.side / 4)

export const shared =
  (tile: Tile) =>
  (problem: Problem): KernelSource => {
    const { side, rows } = tile
    const lanes = lanesOf(tile)
    const across = side / 4
    const { context, batch, m, n, k } = problem
    const rowTiles = size.floorDiv(size.add(m, side - 1), side)
    const columnTiles = size.floorDiv(size.add(n, side - 1), side)
    const count = size.prod([batch, rowTiles, columnTiles])
    return printModule(context, module => {
      const { lines, wide } = storeTile(problem, module, rows, true)
      const body = `var<workgroup> tile_a: array<f32, ${deep * side}>; // [k][m]
var<workgroup> tile_b: array<f32, ${deep * side}>; // [k][n]

@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let lane = i32(local);
  let tile = i32(group.y * 32768u + group.x);
  if (tile >= ${module.size(count)}) { return; }
  let column = tile % ${module.size(columnTiles)} * ${side};
  let row = tile / ${module.size(columnTiles)} % ${module.size(rowTiles)} * ${side};
${batch === 1 ? '' : `  let batch = tile / ${module.size(size.mul(columnTiles, rowTiles))};\n`}  let n0 = column + lane % ${across} * 4;
  let m0 = row + lane / ${across} * ${rows};
${indent(Array.from({ length: rows }, (_, r) => `var sum${r} = vec4f(0.0);`))}
  for (var k0 = 0; k0 < ${module.size(k)}; k0 += ${deep}) {
${indent(fill(problem, tile, module, 'tile_a', problem.a, 'm', 'row'), '    ')}
${indent(fill(problem, tile, module, 'tile_b', problem.b, 'n', 'column'), '    ')}
    workgroupBarrier();
    for (var d = 0; d < ${deep}; d++) {
      let at_a = d * ${side} + lane / ${across} * ${rows};
      let at_b = d * ${side} + lane % ${across} * 4;
      let b = vec4f(tile_b[at_b], tile_b[at_b + 1], tile_b[at_b + 2], tile_b[at_b + 3]);
${indent(
  Array.from({ length: rows }, (_, r) => `sum${r} = fma(vec4f(tile_a[at_a + ${r}]), b, sum${r});`),
  '      ',
)}
    }
    workgroupBarrier();
  }
  var sums: array<vec4f, ${rows}>;
${indent(Array.from({ length: rows }, (_, r) => `sums[${r}] = sum${r};`))}
${indent(lines)}
}
`
      return { body, output: { wide }, grid: [count, 1, 1] }
    })
  }

/** The lanes together bring one operand's 16 k's by its side into workgroup memory; what lies outside becomes 0. */
const fill = (
  problem: Problem,
  tile: Tile,
  module: Module,
  into: string,
  x: Expr,
  name: 'm' | 'n',
  first: string,
): readonly string[] => {
  const { k } = problem
  const { side } = tile
  const lanes = lanesOf(tile)
  const four = alongK(problem, x)
  const extent = problem[name]
  const block = new Block(module, { axis: a => (a === name ? 'at' : a), ...(four ? { four: 'k' } : {}) }, `${name}_`)
  const [text] = block.print(x) as [Text]
  const whole = typeof k === 'number' && k % deep === 0
  const guarded = (value: string, zero: string): string =>
    whole ? value : `select(${zero}, ${value}, k < ${module.size(k)})`
  const at = `let at = min(${first} + i % ${side}, ${lastOf(module, extent)});`
  if (four)
    return [
      `for (var i = lane; i < ${(deep * side) / 4}; i += ${lanes}) {`,
      indent([
        at,
        `let k = k0 + i / ${side} * 4;`,
        ...block.lines,
        `let value = ${guarded(widen(text).text, 'vec4f(0.0)')};`,
        `let to = i / ${side} * ${4 * side} + i % ${side};`,
        ...['x', 'y', 'z', 'w'].map((c, j) => `${into}[to${j === 0 ? '' : ` + ${j * side}`}] = value.${c};`),
      ]),
      '}',
    ]
  return [
    `for (var i = lane; i < ${deep * side}; i += ${lanes}) {`,
    indent([
      at,
      `let k = ${whole ? `k0 + i / ${side}` : `min(k0 + i / ${side}, ${lastOf(module, k)})`};`,
      ...block.lines,
      `${into}[i] = ${whole ? text.text : `select(0.0, ${text.text}, k0 + i / ${side} < ${module.size(k)})`};`,
    ]),
    '}',
  ]
}
