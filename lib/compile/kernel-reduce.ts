/**
 * The kernel of a reduction: every row is folded pass by pass, then finished per row or per element. A row is folded by one lane where
 * rows are short or the lanes stand along the rows in memory, else by a team of lanes that meet through subgroup shuffles, or through
 * workgroup memory where there are no subgroups of that size. On a GPU a team takes some rows that lie side by side in memory, where
 * these are long and there are too few of them for a lane each.
 */
import { axis, unravel, wgsl, type Expr, type Monoid, type Reduce } from '../form/index.ts'
import type { Applied } from '../graph/index.ts'
import { size, type Dim } from '../shape/index.ts'
import {
  elementOf,
  indent,
  loader,
  positionIn,
  printModule,
  sideBySide,
  type KernelContext,
  type KernelSource,
} from './kernel.ts'
import type { DeviceProfile } from './pass.ts'
import { aboutSize } from './usual.ts'
import { Block, stored, widen, wrap, type Module, type Text } from './wgsl.ts'

type Team = {
  readonly lanes: number
  readonly meet: 'alone' | 'shuffle' | 'memory'
  /** rows of a team, whose lanes are dealt out to them in turn: 1 unless said */
  readonly across?: number
}
/** rows of which a GPU reads a whole sector of memory together */
const sector = 8
/** rows that a GPU has enough to do with if each is folded by one lane */
const manyRows = 16384
/** Lanes of a team on a GPU: each folds some 16 numbers and more. */
const teamFor = ({ maxInvocations }: DeviceProfile, numbers: number, least: number): number =>
  2 ** Math.floor(Math.log2(Math.min(maxInvocations, 1024, Math.max(least, numbers / 16))))

const isSearch = (m: Monoid): boolean => m === 'argmax' || m === 'argmin'
const start: Record<'sum' | 'max' | 'min', string> = {
  sum: '0.0',
  max: '-3.4028234663852886e38',
  min: '3.4028234663852886e38',
}
// NaN wins: WGSL's own max may drop it. It is told by its bits, since drivers may take it that no number is NaN.
const isNan = (T: string, v: string): string =>
  T === 'f32'
    ? `(bitcast<u32>(${v}) & 0x7fffffffu) > 0x7f800000u`
    : `(bitcast<vec4u>(${v}) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u)`
const beats = { max: '>', argmax: '>', min: '<', argmin: '<' } as const
const nanHelper = (monoid: 'max' | 'min') => (T: string, name: string) =>
  `fn ${name}(a: ${T}, b: ${T}) -> ${T} { return select(select(select(b, a, a ${beats[monoid]} b), b, ${isNan(T, 'b')}), a, ${isNan(T, 'a')}); }`
/** Does a value at a position win over the best so far? NaN wins over numbers, and the first over its equals. */
const searchHelper = (monoid: 'argmax' | 'argmin') => (_: string, name: string) =>
  `fn ${name}(v: f32, at: i32, best: f32, best_at: i32) -> bool {
  let nan = ${isNan('f32', 'v')};
  if (nan != (${isNan('f32', 'best')})) { return nan; }
  return (!nan && v ${beats[monoid]} best) || ((nan || v == best) && at < best_at);
}`
const combine = (module: Module, monoid: 'sum' | 'max' | 'min', T: string, a: string, b: string): string => {
  if (monoid === 'sum') return `${a} + ${b}`
  const name = module.helper({ helper: `${monoid}_nan`, code: nanHelper(monoid) }, T)
  return `${name}(${a}, ${b})`
}

export const reduceKernel = (context: KernelContext, anchor: Applied, form: Reduce): KernelSource => {
  const { profile } = context
  const columns = size.prod(form.columns)
  const short = typeof columns === 'number' && columns <= 16
  const alone: Team = { lanes: sideBySide(profile), meet: 'alone' }
  if (short) return print(context, anchor, form, alone, false)
  const shuffles = profile.subgroup[0] >= 4
  const searches = form.passes.some(p => isSearch(p.monoid))
  const long = aboutSize(columns)
  const team: Team =
    profile.tuning === 'gpu'
      ? { lanes: teamFor(profile, long, 64), meet: 'memory' }
      : { lanes: Math.min(8, profile.subgroup[0] || 8), meet: shuffles ? 'shuffle' : 'memory' }
  // a GPU asks for four numbers at a time, a driver in software compiles every comparison of them
  const asksFour = (!searches || profile.tuning === 'gpu') && typeof columns === 'number' && columns % 4 === 0
  const four = asksFour ? print(context, anchor, form, team, true) : undefined
  if (four !== undefined && four.vectors !== 'none') return four
  // lanes that are dealt out to several rows meet by adding only
  if (searches) return print(context, anchor, form, team, false)
  // the columns do not lie side by side; do the rows? then one lane folds one row, or a team some of them
  const few = profile.tuning === 'gpu' && long >= 256 && aboutSize(size.prod(form.rows)) < manyRows
  if (!strided(context, anchor, form, few ? sector : 64)) return print(context, anchor, form, team, false)
  const beside: Team = { lanes: teamFor(profile, long, 256), meet: 'memory', across: sector }
  return print(context, anchor, form, few ? beside : alone, false)
}

/** Are there at least so many rows, and do they lie side by side in memory, so that lanes should stand along them? */
const strided = (context: KernelContext, anchor: Applied, form: Reduce, least: number): boolean => {
  const rows = size.prod(form.rows)
  if (typeof rows === 'number' && rows < least) return false
  const probe = printModule(context, module => {
    const block = new Block(module, { axis: n => n, four: 'row' })
    const [row, column] = [
      unravel(axis('row', rows), form.rows),
      unravel(axis('column', size.prod(form.columns)), form.columns),
    ]
    block.print(
      (form.passes[0] as Reduce['passes'][number]).value(loader(context.fusion, anchor), row, column, () =>
        axis('column', 1),
      ),
    )
    return { body: '', output: { wide: false }, grid: [1, 1, 1] }
  })
  return probe.vectors !== 'none'
}

const print = (context: KernelContext, anchor: Applied, form: Reduce, team: Team, four: boolean): KernelSource => {
  const { fusion, root } = context
  const rows = size.prod(form.rows)
  const columns = size.prod(form.columns)
  const rowIndex = unravel(axis('row', rows), form.rows)
  const columnIndex = unravel(axis('column', columns), form.columns)
  const load = loader(fusion, anchor)
  const folded = (name: string): Expr => ({
    e: 'folded',
    name,
    kind: isSearch(form.passes.find(p => p.name === name)?.monoid ?? 'sum') ? 'index' : 'float',
  })
  const T = four ? 'vec4f' : 'f32'
  const foldedText = (name: string): Text => ({
    text: name,
    precedence: 4,
    spread: 'uniform',
    aligned: false,
    kind: folded(name).e === 'folded' ? (folded(name) as { kind: Text['kind'] }).kind : 'float',
  })
  const axes = (name: string): string => (name === 'column' ? 'column' : 'row')
  const { across = 1 } = team

  return printModule(context, module => {
    const limit = module.size(columns)
    const step = team.meet === 'alone' ? (four ? 4 : 1) : (team.lanes / across) * (four ? 4 : 1)
    const first = team.meet === 'alone' ? '0' : four ? 'lane * 4' : across > 1 ? `lane / ${across}` : 'lane'
    const loop = (lines: readonly string[]): string =>
      `for (var column = ${first}; column < ${limit}; column += ${step}) {\n${indent(lines)}\n}`
    const lines: string[] = []
    for (const pass of form.passes) {
      const block = new Block(module, { axis: axes, folded: foldedText, ...(four ? { four: 'column' } : {}) })
      const [value] = block.print(pass.value(load, rowIndex, columnIndex, folded))
      if (isSearch(pass.monoid)) {
        const text = four ? widen(value as Text).text : (value as Text).text
        const values = { lines: block.lines, text, four }
        lines.push(...search(module, pass.name, pass.monoid as 'argmax' | 'argmin', loop, values, team))
        continue
      }
      const monoid = pass.monoid as 'sum' | 'max' | 'min'
      const part = `${pass.name}_part`
      const initial = four ? `vec4f(${start[monoid]})` : start[monoid]
      const text = four ? widen(value as Text).text : (value as Text).text
      lines.push(`var ${part} = ${initial};`)
      lines.push(
        loop([
          ...block.lines,
          monoid === 'sum' ? `${part} += ${text};` : `${part} = ${combine(module, monoid, T, part, text)};`,
        ]),
      )
      const one = four ? across4(module, monoid, part) : part
      lines.push(...meet(module, pass.name, monoid, one, team))
    }
    const finish = form.finish
    let wide = false
    const ragged = across > 1 && !(typeof rows === 'number' && rows % across === 0)
    if (ragged) lines.push(`if (first + lane % ${across} >= ${module.size(rows)}) { return; }`)
    if (finish.per === 'row') {
      const landed = fusion.landing(root)(rowIndex)
      const value = elementOf(fusion, root, landed, {
        anchor,
        value: finish.value(folded, load, rowIndex),
      })
      const block = new Block(module, { axis: axes, folded: foldedText })
      const [made, at] = block.print(value, positionIn(context, landed)) as [Text, Text]
      const store = [...block.lines, `y[${at.text}] = ${stored(made, false)};`]
      lines.push(
        ...(team.meet === 'alone'
          ? store
          : [across > 1 ? `if (lane < ${across}) {` : 'if (lane == 0) {', indent(store), '}']),
      )
    } else {
      const index = fusion.landing(root)(finish.place(rowIndex, columnIndex))
      const own = finish.value(folded, load, rowIndex, columnIndex)
      const made = finish.factor === undefined ? own : wgsl`(${own} * ${finish.factor(folded)})`
      const value = elementOf(fusion, root, index, { anchor, value: made })
      const block = new Block(module, { axis: axes, folded: foldedText, ...(four ? { four: 'column' } : {}) }, 'w')
      const [text, at] = block.print(value, positionIn(context, index)) as [Text, Text]
      wide = four && at.spread === 'linear' && at.aligned
      lines.push(loop([...block.lines, ...storeAt(text, at, wide, four)]))
    }
    const folds = team.meet === 'alone' ? team.lanes : across
    const at = 'i32(group.y * 32768u + group.x)'
    const end = module.size(rows)
    const row =
      across > 1
        ? [
            `let first = ${at} * ${across};`,
            `if (first >= ${end}) { return; }`,
            ragged ? `let row = min(first + lane % ${across}, ${end} - 1);` : `let row = first + lane % ${across};`,
          ]
        : [
            `let row = ${team.meet === 'alone' ? `${at} * ${team.lanes} + lane` : at};`,
            `if (row >= ${end}) { return; }`,
          ]
    const shared =
      team.meet === 'memory'
        ? `var<workgroup> shared_part: array<f32, ${team.lanes}>;\n${form.passes.some(p => isSearch(p.monoid)) ? `var<workgroup> shared_at: array<i32, ${team.lanes}>;\n` : ''}\n`
        : ''
    const body = `${shared}@compute @workgroup_size(${team.lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let lane = i32(local);
${indent([...row, ...lines])}
}
`
    const grid: readonly [Dim, Dim, Dim] = [folds === 1 ? rows : size.floorDiv(size.add(rows, folds - 1), folds), 1, 1]
    return { body, output: { wide }, grid, ...(team.meet === 'shuffle' ? { enable: ['subgroups'] } : {}) }
  })
}

const storeAt = (made: Text, at: Text, wide: boolean, four: boolean): readonly string[] => {
  if (wide) return [`y[${wrap(at, 2)} / 4] = ${stored(made, true)};`]
  if (!four) return [`y[${at.text}] = ${stored(made, false)};`]
  const where = widen(at).text
  return [
    `let out = ${stored(made, true)};`,
    `let at = ${where};`,
    ...['x', 'y', 'z', 'w'].map(c => `y[at.${c}] = out.${c};`),
  ]
}

const across4 = (module: Module, monoid: 'sum' | 'max' | 'min', v: string): string => {
  const pair = (a: string, b: string): string =>
    monoid === 'sum' ? `(${a} + ${b})` : combine(module, monoid, 'f32', a, b)
  return pair(pair(`${v}.x`, `${v}.y`), pair(`${v}.z`, `${v}.w`))
}
const meet = (
  module: Module,
  name: string,
  monoid: 'sum' | 'max' | 'min',
  part: string,
  team: Team,
): readonly string[] => {
  const { lanes, across = 1 } = team
  if (team.meet === 'alone') return [`let ${name} = ${part};`]
  const steps: number[] = []
  for (let d = 1; d < team.lanes; d *= 2) steps.push(d)
  if (team.meet === 'shuffle')
    return [
      `var ${name} = ${part};`,
      ...steps.map(d => `${name} = ${combine(module, monoid, 'f32', name, `subgroupShuffleXor(${name}, ${d}u)`)};`),
    ]
  return [
    `shared_part[lane] = ${part};`,
    'workgroupBarrier();',
    `for (var d = ${lanes / 2}; d > ${across === 1 ? 0 : across / 2}; d /= 2) {`,
    `  if (lane < d) { shared_part[lane] = ${combine(module, monoid, 'f32', 'shared_part[lane]', 'shared_part[lane + d]')}; }`,
    '  workgroupBarrier();',
    '}',
    `let ${name} = shared_part[${across === 1 ? '0' : `lane % ${across}`}];`,
    'workgroupBarrier();',
  ]
}

const unset = '2147483647'
/** argmax and argmin: the best value with its position; of equal ones the first wins, NaN wins over all. */
const search = (
  module: Module,
  name: string,
  monoid: 'argmax' | 'argmin',
  loop: (lines: readonly string[]) => string,
  values: { readonly lines: readonly string[]; readonly text: string; readonly four: boolean },
  team: Team,
): readonly string[] => {
  const wins = module.helper({ helper: `${monoid}_wins`, code: searchHelper(monoid) }, 'f32')
  const best = `${name}_best`
  const initial = monoid === 'argmax' ? start.max : start.min
  const look = (v: string, column: string): string =>
    `if (${name} == ${unset} || ${wins}(${v}, ${column}, ${best}, ${name})) { ${best} = ${v}; ${name} = ${column}; }`
  const looks = values.four
    ? ['x', 'y', 'z', 'w'].map((c, d) => look(`v.${c}`, d === 0 ? 'column' : `column + ${d}`))
    : [look('v', 'column')]
  const lines = [
    `var ${best} = ${initial};`,
    `var ${name} = ${unset};`,
    loop([...values.lines, `let v = ${values.text};`, ...looks]),
  ]
  if (team.meet === 'alone') return lines
  const take = (v: string, at: string): string =>
    `if (${at} != ${unset} && (${name} == ${unset} || ${wins}(${v}, ${at}, ${best}, ${name}))) { ${best} = ${v}; ${name} = ${at}; }`
  const steps: number[] = []
  for (let d = 1; d < team.lanes; d *= 2) steps.push(d)
  if (team.meet === 'shuffle')
    return [
      ...lines,
      ...steps.map(
        d =>
          `{\n  let v = subgroupShuffleXor(${best}, ${d}u);\n  let at = subgroupShuffleXor(${name}, ${d}u);\n  ${take('v', 'at')}\n}`,
      ),
    ]
  return [
    ...lines,
    `shared_part[lane] = ${best};`,
    `shared_at[lane] = ${name};`,
    'workgroupBarrier();',
    `for (var d = ${team.lanes / 2}; d > 0; d /= 2) {`,
    '  if (lane < d) {',
    `    ${take('shared_part[lane + d]', 'shared_at[lane + d]')}`,
    `    shared_part[lane] = ${best};`,
    `    shared_at[lane] = ${name};`,
    '  }',
    '  workgroupBarrier();',
    '}',
    `${best} = shared_part[0];`,
    `${name} = shared_at[0];`,
    'workgroupBarrier();',
  ]
}
