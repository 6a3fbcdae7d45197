/**
 * The plain schedule, right for every contraction on every device: a lane makes a tile of a few rows and four columns in registers and
 * reads both operands from memory. Three inner loops, by how the operands lie: both along k (dot products of vec4), b along n (vec4 of
 * columns), or neither (one number at a time). It compiles fast, which small work wants more than speed.
 */
import { size, type Dim } from '../../shape/index.ts'
import { indent, printModule, sideBySide, type KernelSource } from '../kernel.ts'
import { Block, stored, widen, wrap, type Module, type Text } from '../wgsl.ts'
import { alongK, runsAlong, type Problem } from './problem.ts'

const columns = 4

export const tiles = (problem: Problem): KernelSource => {
  const { context, m, n, batch } = problem
  const { profile } = context
  const rows = typeof m === 'number' ? Math.min(4, Math.max(1, m)) : 4
  const lanes = sideBySide(profile)
  const aAlongK = alongK(problem, problem.a)
  const bAlongK = alongK(problem, problem.b)
  const bAlongN = runsAlong(context, problem, 'n', problem.b)
  const inner = aAlongK && bAlongK ? 'dot' : bAlongN ? 'columns' : 'single'
  const columnTiles = size.floorDiv(size.add(n, columns - 1), columns)
  const rowTiles = size.floorDiv(size.add(m, rows - 1), rows)
  const count = size.prod([batch, rowTiles, columnTiles])
  // WGSL refuses to divide by a literal 0, even where no lane comes that far
  const divisor = (tiles: Dim): Dim => (tiles === 0 ? 1 : tiles)

  return printModule(context, module => {
    const tile = [
      `let tile = i32(group.y * 32768u + group.x) * ${lanes} + i32(lane);`,
      `if (tile >= ${module.size(count)}) { return; }`,
      `let n0 = tile % ${module.size(divisor(columnTiles))} * ${columns};`,
      `let m0 = tile / ${module.size(divisor(columnTiles))} % ${module.size(divisor(rowTiles))} * ${rows};`,
      ...(batch === 1 ? [] : [`let batch = tile / ${module.size(divisor(size.mul(columnTiles, rowTiles)))};`]),
    ]
    const clamped = (first: string, offset: number, extent: Dim): string => {
      const at = offset === 0 ? first : `${first} + ${offset}`
      const divides = typeof extent === 'number' && extent % (first === 'm0' ? rows : columns) === 0
      return divides || offset === 0 ? at : `min(${at}, ${lastOf(module, extent)})`
    }
    const sums = range(rows).map(r => `var sum${r} = vec4f(0.0);`)
    const rowNames = range(rows).map(r => `let m_${r} = ${clamped('m0', r, m)};`)
    const columnNames = inner === 'columns' ? [] : range(columns).map(c => `let n_${c} = ${clamped('n0', c, n)};`)
    const steps = innerLoop(problem, module, inner, rows, aAlongK)
    const total = [`var sums: array<vec4f, ${rows}>;`, ...range(rows).map(r => `sums[${r}] = sum${r};`)]
    const { lines, wide } = storeTile(problem, module, rows)
    const body = `@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
${indent([...tile, ...rowNames, ...columnNames, ...sums, ...steps, ...total, ...lines])}
}
`
    return { body, output: { wide }, grid: [size.floorDiv(size.add(count, lanes - 1), lanes), 1, 1] }
  })
}

/** the last index of an axis, as WGSL */
export const lastOf = (module: Module, extent: Dim): string =>
  typeof extent === 'number' ? `${extent - 1}` : `${module.size(extent)} - 1`
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

const innerLoop = (
  problem: Problem,
  module: Module,
  inner: 'dot' | 'columns' | 'single',
  rows: number,
  aAlongK: boolean,
): readonly string[] => {
  const { a, b, k } = problem
  const print = (
    x: typeof a,
    names: Readonly<Record<string, string>>,
    four: string | undefined,
    prefix: string,
  ): { lines: readonly string[]; text: Text } => {
    const block = new Block(module, { axis: n => names[n] ?? n, ...(four === undefined ? {} : { four }) }, prefix)
    const [text] = block.print(x) as [Text]
    return { lines: block.lines, text }
  }
  const at = (x: typeof a, name: string, names: Readonly<Record<string, string>>, four?: string): readonly string[] => {
    const { lines, text } = print(x, names, four, `${name}_`)
    return [...lines, `let ${name} = ${four === undefined ? text.text : widen(text).text};`]
  }
  const forK = (step: number, lines: readonly string[]): readonly string[] => [
    `for (var k = 0; k < ${module.size(k)}; k += ${step}) {`,
    indent(lines),
    '}',
  ]
  if (inner === 'dot')
    return forK(4, [
      ...range(columns).flatMap(c => at(b, `b${c}`, { n: `n_${c}` }, 'k')),
      ...range(rows).flatMap(r => [
        ...at(a, `a${r}`, { m: `m_${r}` }, 'k'),
        `sum${r} += vec4f(${range(columns)
          .map(c => `dot(a${r}, b${c})`)
          .join(', ')});`,
      ]),
    ])
  if (inner === 'columns' && aAlongK)
    return forK(4, [
      ...range(4).flatMap(d => at(b, `b${d}`, { n: 'n0', k: d === 0 ? 'k' : `k + ${d}` }, 'n')),
      ...range(rows).flatMap(r => [
        ...at(a, `a${r}`, { m: `m_${r}` }, 'k'),
        `sum${r} += ${['x', 'y', 'z', 'w'].map((c, d) => `a${r}.${c} * b${d}`).join(' + ')};`,
      ]),
    ])
  if (inner === 'columns')
    return forK(1, [
      ...at(b, 'b', { n: 'n0' }, 'n'),
      ...range(rows).flatMap(r => [...at(a, `a${r}`, { m: `m_${r}` }), `sum${r} += a${r} * b;`]),
    ])
  return forK(1, [
    ...range(columns).flatMap(c => at(b, `b${c}`, { n: `n_${c}` })),
    `let b = vec4f(${range(columns)
      .map(c => `b${c}`)
      .join(', ')});`,
    ...range(rows).flatMap(r => [...at(a, `a${r}`, { m: `m_${r}` }), `sum${r} += a${r} * b;`]),
  ])
}

/**
 * The end of a tile: epilogue and store of `sums`, in one loop over its rows (every store site costs compile time). The tile begins at
 * m0, n0; `ragged` says that n0 itself may lie outside, `high` how many rows the lanes of a workgroup make together.
 */
export const storeTile = (
  problem: Problem,
  module: Module,
  rows: number,
  ragged = false,
  high = rows,
): { readonly lines: readonly string[]; readonly wide: boolean } => {
  const { context, m, n, value, position } = problem
  const wide = runsAlong(context, problem, 'n', position)
  // beside its own sums a kernel may have those of another product (remade.ts)
  const folded =
    (place: string, spread: Text['spread']) =>
    (name: string): Text => ({
      text: `${name === 'beside' ? 'others' : 'sums'}${place}`,
      precedence: 4,
      spread,
      aligned: false,
      kind: 'float',
    })
  // a driver in software writes a constant loop out and compiles every store site of it; a GPU wants its registers named
  const written = context.profile.tuning === 'gpu'
  const whole = !written || (typeof m === 'number' && m % high === 0)
  const outside = [...(whole ? [] : [`m < ${module.size(m)}`]), ...(ragged ? [`n0 < ${module.size(n)}`] : [])]
  const guarded = (lines: readonly string[]): readonly string[] =>
    outside.length === 0 ? lines : [`if (${outside.join(' && ')}) {`, indent(lines), '}']
  const rowLoop = (lines: readonly string[]): readonly string[] => [
    ...(written ? [] : [`let count = min(${rows}, ${module.size(m)} - m0);`]),
    `for (var r = 0; r < ${written ? rows : 'count'}; r++) {`,
    indent(['let m = m0 + r;', ...guarded(lines)]),
    '}',
  ]
  if (wide) {
    const block = new Block(module, {
      axis: a => (a === 'n' ? 'n0' : a),
      four: 'n',
      folded: folded('[r]', 'vector'),
    })
    const [made, at] = block.print(value, position) as [Text, Text]
    return { lines: rowLoop([...block.lines, `y[${wrap(at, 2)} / 4] = ${stored(made, true)};`]), wide }
  }
  const block = new Block(module, { axis: a => a, folded: folded('[r][c]', 'uniform') })
  const [made, at] = block.print(value, position) as [Text, Text]
  const inside = [...block.lines, `y[${at.text}] = ${stored(made, false)};`]
  return {
    lines: rowLoop([
      `for (var c = 0; c < ${columns}; c++) {`,
      indent(['let n = n0 + c;', `if (n < ${module.size(n)}) {`, indent(inside), '}']),
      '}',
    ]),
    wide,
  }
}
