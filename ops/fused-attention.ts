import { size, type Dim, type Kernel, type KernelDevice, type Shape } from '../lib/index.ts'

/** What the fused kernel has to know: shapes of q [..., H, M, D] and k [..., G, N, D], and how scores are made. */
interface Fused {
  readonly q: Shape
  readonly k: Shape
  readonly scale: number
  readonly causal: boolean
  /** of the first query; 'given' as input 3 */
  readonly offset: number | 'given'
}

const lanes = 8
/** keys that a subgroup scores at a time: four a lane */
const step = 4 * lanes
/** below this many FLOP the plain products win: they compile in a tenth of the time */
const worthwhile = 2e7

const range = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i)
const lines = (n: number, f: (i: number) => string, between = '\n'): string => range(n).map(f).join(between)
const literalProduct = (dims: Shape): number => dims.reduce<number>((p, d) => p * (typeof d === 'number' ? d : 256), 1)

/**
 * softmax(scale q k^T) v in one pass over the keys, with a running maximum, so that the scores never lie in memory (Dao et al.,
 * FlashAttention, 2022). For subgroups of eight: a lane scores four keys for eight queries, which it gets by shuffles, and owns an eighth
 * of the output's width. Undefined where the width is not a multiple of 32, or there is little to do.
 */
export const fusedAttention = ({ q, k, scale, causal, offset }: Fused): Kernel | undefined => {
  const width = q.at(-1)
  const [heads, groups] = [q.at(-3), k.at(-3)]
  if (typeof width !== 'number' || width % step !== 0 || width > 128) return undefined
  if (typeof heads !== 'number' || typeof groups !== 'number') return undefined
  if (4 * literalProduct(q) * literalProduct([k.at(-2)!]) < worthwhile) return undefined
  return {
    form: 'kernel',
    fits: ({ subgroup }: KernelDevice) => subgroup[0] === lanes && subgroup[1] === lanes,
    text: (_, sizeText) => text({ q, k, scale, causal, offset }, width, heads, groups, sizeText),
  }
}

const text = (
  { q, k, scale, causal, offset }: Fused,
  width: number,
  heads: number,
  groups: number,
  sizeText: (d: Dim) => string,
): ReturnType<Kernel['text']> => {
  const queries = width <= 64 ? 8 : 4
  const parts = width / step
  const quads = width / 4
  const [queryCount, keyCount] = [q.at(-2)!, k.at(-2)!]
  const blocks = size.floorDiv(size.add(queryCount, queries - 1), queries)
  const tiles = size.mul(size.prod(q.slice(0, -2)), blocks)
  const [m, n] = [sizeText(queryCount), sizeText(keyCount)]
  const across = (x: string, both: (a: string, b: string) => string): string =>
    [1, 2, 4].map(d => `${x} = ${both(x, `subgroupShuffleXor(${x}, ${d}u)`)};`).join(' ')
  const first = offset === 'given' ? 'x3[0]' : `${offset}`
  const sees = (t: number, i: number): string =>
    causal ? `at + ${t} < ${n} && at + ${t} <= row + ${i} + ${first}` : `at + ${t} < ${n}`
  const stop = causal ? `min(${n}, row + count + ${first})` : n

  const code = `@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) id: u32) {
  let tile = i32(group.y * 32768u + group.x);
  if (tile >= ${sizeText(tiles)}) { return; }
  let lane = i32(id);
  let head = tile / ${sizeText(blocks)};
  let row = tile % ${sizeText(blocks)} * ${queries};
  let count = min(${queries}, ${m} - row); // not a constant on purpose: loops up to it stay loops
  let stop = ${stop};
  let of_q = (head * ${m} + row) * ${quads};
  let of_k = (head / ${heads} * ${groups} + head % ${heads} / ${heads / groups}) * ${n} * ${quads};
  var q: array<vec4f, ${queries * parts}>;
  for (var i = 0; i < count; i++) { ${lines(parts, p => `q[i * ${parts} + ${p}] = x0[of_q + i * ${quads} + ${p * lanes} + lane] * ${scale};`, ' ')} }
${lines(queries, i => `  var most${i} = -1e30; var total${i} = 0.0; ${lines(parts, p => `var out${i}_${p} = vec4f(0.0);`, ' ')}`)}
  for (var block = 0; block < stop; block += ${step}) {
    let at = block + lane * 4; // this lane scores these four keys
    ${lines(4, t => `let k${t} = of_k + min(at + ${t}, ${n} - 1) * ${quads};`, ' ')}
    ${lines(queries, i => `var s${i} = vec4f(0.0);`, ' ')}
${lines(
  parts,
  p => `    for (var d = 0; d < ${lanes}; d++) {
      ${lines(4, t => `let b${t} = x1[k${t} + ${p * lanes} + d];`, ' ')}
${lines(queries, i => `      { let a = subgroupShuffle(q[${i * parts + p}], u32(d)); s${i} += vec4f(dot(a, b0), dot(a, b1), dot(a, b2), dot(a, b3)); }`)}
    }`,
)}
${lines(
  queries,
  i => `    {
      let s = select(vec4f(-1e30), s${i}, vec4<bool>(${range(4)
        .map(t => sees(t, i))
        .join(', ')}));
      var most = max(max(s.x, s.y), max(s.z, s.w));
      ${across('most', (a, b) => `max(${a}, ${b})`)}
      most = max(most, most${i});
      let fade = exp(most${i} - most);
      most${i} = most;
      s${i} = exp(s - most);
      total${i} = total${i} * fade + dot(s${i}, vec4f(1.0));
      ${lines(parts, p => `out${i}_${p} *= fade;`, ' ')}
    }`,
)}
    for (var s = 0; s < ${lanes}; s++) { // this lane owns ${4 * parts} of the ${width} outputs
      ${lines(4, t => `let v${t} = of_k + min(block + s * 4 + ${t}, ${n} - 1) * ${quads} + lane * ${parts};`, ' ')}
      ${lines(4, t => lines(parts, p => `let e${t}_${p} = x2[v${t} + ${p}];`, ' '), ' ')}
${lines(queries, i => `      { let w = subgroupShuffle(s${i}, u32(s)); ${lines(parts, p => `out${i}_${p} += w.x * e0_${p} + w.y * e1_${p} + w.z * e2_${p} + w.w * e3_${p};`, ' ')} }`)}
    }
  }
  var result: array<vec4f, ${queries * parts}>;
${lines(queries, i => `  ${across(`total${i}`, (a, b) => `${a} + ${b}`)} ${lines(parts, p => `result[${i * parts + p}] = out${i}_${p} / total${i};`, ' ')}`)}
  for (var i = 0; i < count; i++) { ${lines(parts, p => `y[of_q + i * ${quads} + lane * ${parts} + ${p}] = result[i * ${parts} + ${p}];`, ' ')} }
}
`
  return { code, grid: [tiles, 1, 1], vectors: true, features: ['subgroups'] }
}
