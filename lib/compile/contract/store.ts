/**
 * The kernel that puts weights into blocks (blocks.ts), once after loading: a lane stores its four columns of a block. Numbers are
 * rounded as ggml rounds them to Q8_0 and Q4_0; numbers that are such already stay as they are, to the last bit. What exceeds a binding
 * is stored in parts.
 */
import type { Expr } from '../../form/index.ts'
import { axis } from '../../form/index.ts'
import type { Applied } from '../../graph/index.ts'
import { elementOf, indent, printModule, sideBySide, type KernelContext, type KernelSource } from '../kernel.ts'
import type { WeightStorage } from '../pass.ts'
import { Block, widen, type Text } from '../wgsl.ts'
import { blockColumns, blockLanes, bytesOf, codecs, unitsOf } from './blocks.ts'

/** The numbers of 32 k's of a column, `quads`, as units. `h` counts the halves of a block. */
const stores: Readonly<Record<WeightStorage, readonly string[]>> = {
  f32: ['for (var s = 0; s < 8; s++) { y[at + (s * 4 + j) * 8] = quads[s]; }'],
  f16: [
    'for (var s = 0; s < 8; s += 2) {',
    '  let a = quads[s];',
    '  let b = quads[s + 1];',
    '  y[at + (s / 2 * 4 + j) * 8] =',
    '    vec4u(pack2x16float(a.xy), pack2x16float(a.zw), pack2x16float(b.xy), pack2x16float(b.zw));',
    '}',
  ],
  q8: [
    'var most = vec4f(0.0);',
    'for (var s = 0; s < 8; s++) { most = max(most, abs(quads[s])); }',
    'let scale = max(max(most.x, most.y), max(most.z, most.w)) / 127.0;',
    'let inverse = select(1.0 / scale, 0.0, scale == 0.0);',
    'for (var s = 0; s < 8; s += 4) {',
    '  var words: vec4u;',
    '  for (var d = 0; d < 4; d++) {',
    '    let q = vec4u(round(clamp(quads[s + d] * inverse, vec4f(-127.0), vec4f(127.0))) + 128.0);',
    '    words[d] = q.x | (q.y << 8u) | (q.z << 16u) | (q.w << 24u);',
    '  }',
    '  y[at + ((h * 2 + s / 4) * 4 + j) * 8] = words;',
    '}',
    'scales[h * 4 + j] = scale;',
  ],
  q4: [
    'var extreme = 0.0;',
    'for (var s = 0; s < 8; s++) {',
    '  for (var d = 0; d < 4; d++) {',
    '    if (abs(quads[s][d]) > abs(extreme)) { extreme = quads[s][d]; }',
    '  }',
    '}',
    'let scale = extreme / -8.0;',
    'let inverse = select(1.0 / scale, 0.0, scale == 0.0);',
    'var words: vec4u;',
    'for (var s = 0; s < 8; s += 2) {',
    '  let low = vec4u(clamp(floor(quads[s] * inverse + 8.5), vec4f(0.0), vec4f(15.0)));',
    '  let high = vec4u(clamp(floor(quads[s + 1] * inverse + 8.5), vec4f(0.0), vec4f(15.0)));',
    '  let q = low | (high << vec4u(16u));',
    '  words[s / 2] = q.x | (q.y << 4u) | (q.z << 8u) | (q.w << 12u);',
    '}',
    'y[at + (h * 4 + j) * 8] = words;',
    'scales[h * 4 + j] = scale;',
  ],
}
const storeScales = (units: number): readonly string[] => [
  `y[at + ${units - blockLanes}] = vec4u(`,
  `  pack2x16float(vec2f(scales[0], scales[1])), pack2x16float(vec2f(scales[2], scales[3])),`,
  `  pack2x16float(vec2f(scales[4], scales[5])), pack2x16float(vec2f(scales[6], scales[7])));`,
]

export const storeWeights = (
  context: KernelContext,
  root: Applied,
  storage: WeightStorage,
): readonly KernelSource[] => {
  const codec = codecs[storage]
  const [batch, across, deep] = root.shape.map(Number) as [number, number, number]
  const groups = deep / codec.group
  const panels = batch * across
  // slices begin at multiples of 256 bytes, as every panel without scales does, and every other one with them
  const panelBytes = deep * blockColumns * bytesOf(codec)
  const step = codec.zero === undefined ? 1 : 2
  const most = Math.max(step, Math.floor(context.profile.maxBinding / panelBytes / step) * step)
  const parts = Array.from({ length: Math.ceil(panels / most) }, (_, i) => {
    return { first: i * most, count: Math.min(most, panels - i * most) }
  })
  return parts.map(({ first, count }) => {
    const made = storeKernel(context, root, storage, { first, count, groups })
    if (parts.length === 1) return made
    const elements = deep * blockColumns
    return { ...made, write: { first: first * elements, count: count * elements }, share: count / panels }
  })
}

const storeKernel = (
  context: KernelContext,
  root: Applied,
  storage: WeightStorage,
  { first, count, groups }: { readonly first: number; readonly count: number; readonly groups: number },
): KernelSource => {
  const codec = codecs[storage]
  const units = unitsOf(codec)
  const [batch, across] = root.shape.map(Number) as [number, number]
  const lanes = sideBySide(context.profile)
  const total = count * groups * blockLanes
  const index: readonly Expr[] = root.shape.map((extent, i) => axis(['b', 'p', 'k', 'c'][i] as string, extent))
  return printModule(context, module => {
    const block = new Block(module, { axis: a => (batch === 1 && a === 'b' ? '0' : a), four: 'k' })
    const [quad] = block.print(elementOf(context.fusion, root, index, undefined)) as [Text]
    const scaled = codec.zero !== undefined
    const panel = `i / ${groups * blockLanes}${first === 0 ? '' : ` + ${first}`}`
    const body = `@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = i32(group.y * 32768u + group.x) * ${lanes} + i32(lane);
  if (i >= ${total}) { return; }
  let at = i / 8 * ${units} + i % 8;
  let g = i / 8 % ${groups};
${batch === 1 ? `  let p = ${panel};` : `  let b = (${panel}) / ${across};\n  let p = (${panel}) % ${across};`}
${scaled ? '  var scales: array<f32, 8>;\n' : ''}  for (var j = 0; j < 4; j++) {
    let c = i % 8 * 4 + j;
    for (var h = 0; h < ${codec.group / 32}; h++) {
      var quads: array<vec4f, 8>;
      for (var s = 0; s < 8; s++) {
        let k = g * ${codec.group} + h * 32 + s * 4;
${indent([...block.lines, `quads[s] = ${widen(quad).text};`], '        ')}
      }
${indent(stores[storage], '      ')}
    }
  }
${scaled ? indent(storeScales(units)) : ''}
}
`
    return {
      body,
      output: { wide: true, type: codec.unit },
      grid: [Math.ceil(total / lanes), 1, 1],
    }
  })
}
