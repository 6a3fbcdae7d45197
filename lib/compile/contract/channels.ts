/**
 * The schedule of depthwise convolution and its like: nothing but the batch is shared by operands and output, and it lies along memory
 * (channels last). A lane makes four channels of a few positions; what they are multiplied by is packed by k, so that every load is a
 * vec4.
 */
import { literal, type Expr } from '../../form/index.ts'
import { size } from '../../shape/index.ts'
import { indent, printModule, sideBySide, type KernelSource } from '../kernel.ts'
import { Block, stored, widen, wrap, type Text } from '../wgsl.ts'
import { pack } from './packing.ts'
import { runsAlong, type Problem } from './problem.ts'
import { lastOf } from './tiles.ts'

const rows = 4

/** Is it one row of m, with channels along memory in b and in the output? */
export const channelsFit = (problem: Problem): boolean => {
  const { context, batch, m, k, b, position } = problem
  if (m !== 1 || typeof batch !== 'number' || batch % 4 !== 0 || typeof k !== 'number') return false
  return runsAlong(context, problem, 'batch', b) && runsAlong(context, problem, 'batch', position)
}

export const channels = (problem: Problem): KernelSource => {
  const { context, n, k } = problem
  const quads = Number(problem.batch) / 4
  const lanes = sideBySide(context.profile)
  const packed = pack([k, problem.batch], index =>
    problem.elementOfA(index[1] as Expr, literal(0, 'index'), index[0] as Expr),
  )
  const tiles = size.floorDiv(size.add(n, rows - 1), rows)
  const count = size.mul(tiles, quads)
  const each = Array.from({ length: rows }, (_, r) => r)

  const source = printModule(context, module => {
    const factor = module.buffer(packed).at
    const loads = each.flatMap(r => {
      const block = new Block(
        module,
        { axis: a => (a === 'batch' ? 'c' : a === 'n' ? `n_${r}` : a), four: 'batch' },
        `b${r}_`,
      )
      const [b] = block.print(problem.b) as [Text]
      return [...block.lines, `sum${r} += a * ${wrap(widen(b), 4)};`]
    })
    const end = new Block(module, {
      axis: a => (a === 'batch' ? 'c' : a),
      four: 'batch',
      folded: () => ({ text: 'sums[r]', precedence: 4, spread: 'vector', aligned: false, kind: 'float' }),
    })
    const [made, at] = end.print(problem.value, problem.position) as [Text, Text]
    const clamped = (r: number): string => (r === 0 ? 'n0' : `min(n0 + ${r}, ${lastOf(module, n)})`)
    const body = `@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = i32(group.y * 32768u + group.x) * ${lanes} + i32(lane);
  if (tile >= ${module.size(count)}) { return; }
  let c = tile % ${quads} * 4;
  let n0 = tile / ${quads} * ${rows};
${indent(each.map(r => `let n_${r} = ${clamped(r)};`))}
${indent(each.map(r => `var sum${r} = vec4f(0.0);`))}
  for (var k = 0; k < ${module.size(k)}; k++) {
    let a = ${factor(`k * ${quads} + c / 4`)};
${indent(loads, '    ')}
  }
  let sums = array(${each.map(r => `sum${r}`).join(', ')});
  for (var r = 0; r < ${rows}; r++) {
    let n = n0 + r;
    if (n < ${module.size(n)}) {
${indent([...end.lines, `y[${wrap(at, 2)} / 4] = ${stored(made, true)};`], '      ')}
    }
  }
}
`
    return { body, output: { wide: true }, grid: [size.floorDiv(size.add(count, lanes - 1), lanes), 1, 1] }
  })
  return { ...source, packed: [packed] }
}
