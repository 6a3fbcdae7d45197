/**
 * The schedules for GPUs without subgroup matrices: a workgroup makes a square tile, a lane some rows of four columns in registers; both
 * operands pass through workgroup memory, 16 k's at a time, so that each number is read from memory once a workgroup. (The first tile
 * is that of llama.cpp's search over four GPUs and of ONNX Runtime's matmul: 64 lanes, 4x4 a lane.)
 */
import { size } from '../../shape/index.ts'
import { indent, printModule, type KernelSource } from '../kernel.ts'
import { Block, widen, type Module, type Text } from '../wgsl.ts'
import { alongK, type Problem } from './problem.ts'
import { lastOf, storeTile } from './tiles.ts'

/** k's that are brought together */
export const deep = 16

/** What a workgroup makes: a square of so many numbers a side, so many rows of four columns a lane. */
interface Tile {
  readonly name: string
  readonly side: number
  readonly rows: number
}
export const sharedTiles: readonly [Tile, ...Tile[]] = [
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
      const { lines, wide } = storeTile(problem, module, rows, true, side)
      const [a, b] = [fill(problem, tile, module, 'a'), fill(problem, tile, module, 'b')]
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
${indent([a.before, b.before, ...Array.from({ length: rows }, (_, r) => `var sum${r} = vec4f(0.0);`)])}
  for (var k0 = 0; k0 < ${module.size(k)}; k0 += ${deep}) {
${indent([...a.loads, ...b.loads], '    ')}
    workgroupBarrier();
${indent([...a.stores, ...b.stores], '    ')}
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
  }
  var sums: array<vec4f, ${rows}>;
${indent(Array.from({ length: rows }, (_, r) => `sums[${r}] = sum${r};`))}
${indent(lines)}
}
`
      return { body, output: { wide }, grid: [count, 1, 1] }
    })
  }

/** How the lanes together bring one operand's 16 k's by its side into workgroup memory; what lies beyond the last k becomes 0. */
interface Filling {
  /** which row or column a lane brings */
  readonly before: string
  /** into registers, all of them before the first is used: a GPU waits for memory once then, and not for one load after another */
  readonly loads: readonly string[]
  readonly stores: readonly string[]
}
const fillings = {
  a: { name: 'm', first: 'row' },
  b: { name: 'n', first: 'column' },
} as const
const fill = (problem: Problem, tile: Tile, module: Module, operand: 'a' | 'b'): Filling => {
  const { k } = problem
  const { side } = tile
  const { name, first } = fillings[operand]
  const x = problem[operand]
  const lanes = lanesOf(tile)
  const together = alongK(problem, x) ? 4 : 1
  const apart = lanes / side
  const whole = size.mul(size.floorDiv(k, deep), deep) === k
  const steps = Array.from({ length: deep / together / apart }, (_, j) => j)
  return {
    before: `let ${name}_${operand} = min(${first} + lane % ${side}, ${lastOf(module, problem[name])});`,
    loads: steps.flatMap(j => {
      const own = `${operand}${j}`
      const axes: Readonly<Record<string, string>> = { [name]: `${name}_${operand}`, k: `k_${own}` }
      const place = { axis: (a: string) => axes[a] ?? a, ...(together === 4 ? { four: 'k' } : {}) }
      const block = new Block(module, place, `${own}_`)
      const [text] = block.print(x) as [Text]
      const [value, zero] = together === 4 ? [widen(text).text, 'vec4f(0.0)'] : [text.text, '0.0']
      const quad = together === 4 ? ' * 4' : ''
      return [
        `let k_${own} = k0 + lane / ${side}${quad}${j === 0 ? '' : ` + ${j * apart * together}`};`,
        ...block.lines,
        `let ${own} = ${whole ? value : `select(${zero}, ${value}, k_${own} < ${module.size(k)})`};`,
      ]
    }),
    stores: steps.flatMap(j => {
      const own = `${operand}${j}`
      if (together === 1) return [`tile_${operand}[lane${j === 0 ? '' : ` + ${j * lanes}`}] = ${own};`]
      const to = `lane / ${side} * ${4 * side} + lane % ${side}`
      return ['x', 'y', 'z', 'w'].map((c, d) => {
        const beyond = (4 * j * apart + d) * side
        return `tile_${operand}[${to}${beyond === 0 ? '' : ` + ${beyond}`}] = ${own}.${c};`
      })
    }),
  }
}
