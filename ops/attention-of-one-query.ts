/**
 * Attention of one query on a GPU, as decoding has it at every token: little to compute and a memory of keys and values to read, so what
 * counts is that many loads are under way at once and that few of them wait for one another.
 *
 * A workgroup reads one head of keys for all heads of queries that share it, its rows. Eight lanes score a key, each an eighth of its
 * numbers in vectors that lie side by side. A team has a lane for every vector of the output; it keeps a maximum, totals and outputs of
 * its own over the keys that its eights scored, as workgroups do in FlashDecoding (Dao et al., 2023), and teams meet only at the end.
 * Lanes hand numbers round through workgroup memory, at most 13 KB of it, so no subgroups are needed.
 */
import { size, type Dim, type FewRows, type KernelDevice, type KernelText } from '../lib/index.ts'
import { firstOf, hidden, maskAt, outside, over, plus, range, type Fused, type Read } from './attention-scores.ts'

/** Scores that an eight makes at a time, one vector: keys by rows. */
const atOnce = 4
/** lanes that score a key */
const eight = 8
/** Enough to have all loads of a head's keys under way; with more, lanes would have too few registers for them. */
const mostLanes = 512

/** The text for one query; undefined on other devices, with a bias, and where more than four heads share their keys. */
export const attentionOfOneQuery = (fused: Fused, { tuning, maxInvocations }: KernelDevice): FewRows | undefined => {
  const rows = Number(fused.q.at(-3)) / Number(fused.k.at(-3))
  if (tuning !== 'gpu' || maxInvocations < 64 || fused.bias !== undefined || rows > atOnce) return undefined
  const lanes = 2 ** Math.floor(Math.log2(Math.min(mostLanes, maxInvocations)))
  return {
    size: fused.q.at(-2)!,
    most: 1,
    text: (_, sizeText, read) => kernelText(fused, rows, lanes, sizeText, read),
  }
}

const kernelText = (
  fused: Fused,
  rows: number,
  lanes: number,
  sizeText: (d: Dim) => string,
  read: Read,
): KernelText => {
  const { q, k, v, scale, causal, keyMask } = fused
  const [quads, valueQuads] = [Number(q.at(-1)) / 4, Number(v.at(-1)) / 4]
  const parts = range(Math.ceil(quads / eight))
  // keys that an eight scores at a time, and keys of all eights side by side
  const keys = range(2 ** Math.floor(Math.log2(atOnce / rows)))
  const eights = lanes / eight
  // a team's lanes, as many as vectors of the output or more, and its eights
  const owners = Math.max(eight, 2 ** Math.ceil(Math.log2(valueQuads)))
  const own = range(owners / eight)
  const teams = lanes / owners
  const n = sizeText(k.at(-2)!)
  const pairs = size.prod(k.slice(0, -2))
  const mine = range(rows)
  /** the greatest of several, in as few steps one after the other as can be */
  const greatest = (texts: readonly string[]): string => {
    const half = Math.ceil(texts.length / 2)
    return half === texts.length
      ? texts.join()
      : `max(${greatest(texts.slice(0, half))}, ${greatest(texts.slice(half))})`
  }
  const rowAt = (r: number): string => (rows === 1 ? 'pair' : `(${plus(`pair * ${rows}`, r)})`)

  /** the vector of a row that a lane of an eight reads; beyond the last, q is 0 */
  const column = (p: number): string =>
    (p + 1) * eight <= quads ? plus('lane', p * eight) : `min(${plus('lane', p * eight)}, ${quads - 1})`
  const asked = (r: number, p: number): string => {
    const text = `${read(0, `${rowAt(r)} * ${quads} + ${column(p)}`)} * ${scale}`
    return (p + 1) * eight <= quads ? text : `select(vec4f(0.0), ${text}, ${plus('lane', p * eight)} < ${quads})`
  }
  const keyOf = (u: number): string => plus('at', u * eights)
  const valueOf = (e: number, u: number): string => plus(plus('block + team', e), u * eights)
  // an eight's vector has the keys of one row after those of another
  const products = range(atOnce).map(c =>
    c < rows * keys.length
      ? over(parts, p => `dot(q${Math.floor(c / keys.length)}_${p}, k${c % keys.length}_${p})`, ' + ')
      : '0.0',
  )
  const scoreOf = (r: number, u: number): string => 'xyzw'[r * keys.length + u]!
  const ofRow = (r: number): string => over(keys, u => scoreOf(r, u), '')
  const weight = (r: number, e: number, u: number): string => `w${r}_${e}${keys.length === 1 ? '' : `.${'xyzw'[u]}`}`
  const total = (r: number, e: number): string => `(${over(keys, u => weight(r, e, u), ' + ')})`
  /** a truth value for every score of an eight's vector, from one for every key */
  const perScore = (f: (u: number) => string): string =>
    keys.length === 1 ? f(0) : `vec4<bool>(${over(range(atOnce), c => f(c % keys.length), ', ')})`
  const seen = keyMask === undefined ? 's' : `select(vec4f(${hidden}), s, ${perScore(u => `open${u}`)})`

  const code = `
var<workgroup> handed: array<vec4f, ${eights * (eight + 1)}>; // products, where eights lie one vector apart; then outputs
var<workgroup> scores: array<vec4f, ${eights}>; // of every eight
var<workgroup> tops: array<f32, ${rows * teams}>; // of every row, what teams have
var<workgroup> totals: array<f32, ${rows * teams}>;

@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) id: u32) {
  let pair = i32(group.y * 32768u + group.x); // a head of keys, and the queries that read it
  if (pair >= ${sizeText(pairs)}) { return; }
  let local = i32(id);
  let lane = local % ${eight};
  let eight = local / ${eight};
  let team = local / ${owners} * ${own.length}; // its first eight
  let column = ${valueQuads === owners ? `local % ${owners}` : `min(local % ${owners}, ${valueQuads - 1})`}; // of the output, this lane's
  let of_k = pair * ${n};
  let stop = ${causal ? `min(${n}, ${firstOf(fused, read)} + 1)` : n};
  let last = stop - 1;
${over(mine, r => `  ${over(parts, p => `let q${r}_${p} = ${asked(r, p)};`, ' ')}`)}
${over(mine, r => `  var most${r} = ${outside}; var total${r} = 0.0; var out${r} = vec4f(0.0);`)}
  for (var block = 0; block < stop; block += ${eights * keys.length}) {
    let at = block + eight; // the key that this lane scores a part of${keys.length === 1 ? '' : `, and others ${eights} apart`}
${over(keys, u => `    let at${u} = (of_k + min(${keyOf(u)}, last)) * ${quads};`)}
${over(keys, u => `    ${over(parts, p => `let k${u}_${p} = ${read(1, `at${u} + ${column(p)}`)};`, ' ')}`)}
${keyMask === undefined ? '' : over(keys, u => `    let open${u} = ${read(keyMask.input, maskAt(fused, n, `min(${keyOf(u)}, last)`))} != 0;`)}
    handed[eight * ${eight + 1} + lane] = vec4f(${products.join(', ')});
    // values are on their way while scores are handed round
${over(own, e => `    ${over(keys, u => `let v${e}_${u} = ${read(2, `(of_k + min(${valueOf(e, u)}, last)) * ${valueQuads} + column`)};`, ' ')}`)}
    workgroupBarrier();
    var s = handed[eight * ${eight + 1}];
    for (var i = 1; i < ${eight}; i++) { s += handed[eight * ${eight + 1} + i]; }
    s = select(vec4f(${outside}), ${seen}, ${perScore(u => `${keyOf(u)} < stop`)});
    if (lane == 0) { scores[eight] = s; }
    workgroupBarrier();
    ${over(own, e => `let s${e} = scores[${plus('team', e)}];`, ' ')}
${over(
  mine,
  r => `    {
      let top = ${greatest([...own.flatMap(e => keys.map(u => `s${e}.${scoreOf(r, u)}`)), `most${r}`])};
      let fade = exp(most${r} - top);
      most${r} = top;
      ${over(own, e => `let w${r}_${e} = exp(s${e}.${ofRow(r)} - top);`, ' ')}
      total${r} = total${r} * fade + ${over(own, e => total(r, e), ' + ')};
      out${r} = out${r} * fade + ${over(own, e => over(keys, u => `${weight(r, e, u)} * v${e}_${u}`, ' + '), ' + ')};
    }`,
)}
  }
  if (local % ${owners} == 0) {
    ${over(mine, r => `tops[${plus(`local / ${owners}`, r * teams)}] = most${r}; totals[${plus(`local / ${owners}`, r * teams)}] = total${r};`, ' ')}
  }
${over(
  mine,
  r => `  workgroupBarrier();
  {
    var top = ${outside};
    for (var t = ${r * teams}; t < ${(r + 1) * teams}; t++) { top = max(top, tops[t]); }
    handed[local] = out${r} * exp(most${r} - top); // nothing, of a team that saw no key
    workgroupBarrier();
    if (local < ${valueQuads}) {
      var total = 0.0;
      var sum = vec4f(0.0);
      for (var t = 0; t < ${teams}; t++) {
        total += totals[${plus('t', r * teams)}] * exp(tops[${plus('t', r * teams)}] - top);
        sum += handed[t * ${owners} + local];
      }
      y[${rowAt(r)} * ${valueQuads} + local] = sum / total;
    }
  }`,
)}
}
`
  return {
    code: code.replace(/\n\n+(?! *@)/g, '\n').trimStart(),
    // no workgroups where there is no query
    grid: [size.mul(pairs, q.at(-2)!), 1, 1],
    vectors: true,
  }
}
