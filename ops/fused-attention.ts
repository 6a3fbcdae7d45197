/**
 * softmax(scale q k^T + bias) v in one pass over the keys, with a running maximum, so that the scores never lie in memory (Dao et al.,
 * FlashAttention, 2022). There is one kernel, but for one query on a GPU (attention-of-one-query.ts): a team of lanes owns some rows of
 * queries, each of its lanes scores four keys at a time for all of them and owns a share of the output's width. What differs between
 * devices is how many lanes, rows and teams there are, and how the lanes of a team hand numbers round: by shuffles, or through workgroup
 * memory, which needs no subgroups at all.
 *
 * Heads of queries that share a head of keys are its rows one after the other, so that grouped queries load their keys once.
 */
import { size, type Dim, type Kernel, type KernelDevice, type KernelText, type Shape } from '../lib/index.ts'
import { attentionOfOneQuery } from './attention-of-one-query.ts'
import {
  batchOf,
  firstOf,
  hidden,
  maskAt,
  outside,
  over,
  plus,
  range,
  type Fused,
  type Read,
} from './attention-scores.ts'

/** Lanes that share rows of queries, rows that they share, and teams of them in a workgroup. */
interface Team {
  readonly lanes: number
  readonly rows: number
  readonly teams: number
  readonly by: 'shuffles' | 'workgroup memory'
}
/** below this many FLOP the plain products win: they compile in a tenth of the time */
const worthwhile = 2e7
const widest = 128
/**
 * How many vectors of four a lane keeps for its rows, scores and outputs together, by the lanes of a subgroup. With more, a driver in
 * software compiles for long; Mesa's also does where there are many places that load from buffers, each again for what is kept.
 */
const budgets = {
  8: { kept: 24, keptTimesLoads: 300 },
  4: { kept: 48, keptTimesLoads: Infinity },
} as const
/** fewer rows than this do not pay for a copy of keys and values into images */
const worthCopying = 32

const about = (dims: Shape): number => dims.reduce<number>((p, d) => p * (typeof d === 'number' ? d : 256), 1)
const isWidth = (d: Dim | undefined): d is number => typeof d === 'number' && d > 0 && d % 4 === 0 && d <= widest
const isCount = (d: Dim | undefined): d is number => typeof d === 'number' && d > 0

/** Rows of queries that read one head of keys: H / G heads of M. */
const rowsOf = ({ q, k }: Fused): Dim => size.mul(size.div(q.at(-3)!, k.at(-3)!), q.at(-2)!)

/** Copying keys and values pays where many rows read them, not where one token reads a memory of thousands. */
const readsCopies = (fused: Fused): boolean => {
  const rows = rowsOf(fused)
  return fused.q.at(-2) === fused.k.at(-2) || (typeof rows === 'number' && rows >= worthCopying)
}

const teamFor = ({ subgroup, maxInvocations, imageRows }: KernelDevice, fused: Fused): Team | undefined => {
  const [least, most] = subgroup
  const all = rowsOf(fused)
  const atMost = (rows: number): number => (typeof all === 'number' ? Math.max(1, Math.min(rows, all)) : rows)
  if ((least === 4 || least === 8) && most <= 8) {
    const { kept, keptTimesLoads } = budgets[least]
    const parts = Math.ceil(Number(fused.v.at(-1)) / 4 / least)
    const loads = imageRows > 0 && readsCopies(fused) ? 0 : 4 * (1 + parts)
    const rows = Math.floor(Math.min(kept, keptTimesLoads / loads) / (parts + 1))
    return { lanes: least, rows: atMost(Math.min(8, rows)), teams: 1, by: 'shuffles' }
  }
  return maxInvocations < 64 ? undefined : { lanes: 8, rows: atMost(4), teams: 8, by: 'workgroup memory' }
}

/**
 * Undefined where heads or widths are not known when compiling, a width is not a multiple of four or above 128, or there is little to do:
 * there attention is compiled as its meaning.
 */
export const fusedAttention = (fused: Fused): Kernel | undefined => {
  const { q, k, v } = fused
  if (!isCount(q.at(-3)) || !isCount(k.at(-3)) || !isWidth(q.at(-1)) || !isWidth(v.at(-1))) return undefined
  if (4 * about(q) * about([k.at(-2)!]) < worthwhile) return undefined
  return {
    form: 'kernel',
    fits: device => teamFor(device, fused) !== undefined,
    images: readsCopies(fused) ? [1, 2] : [],
    single: fused.bias === undefined ? [] : [fused.bias.input],
    text: (device, sizeText, read) => kernelText(fused, teamFor(device, fused)!, sizeText, read),
    few: device => attentionOfOneQuery(fused, device),
  }
}

/** The kernel's text, as far as it depends on how lanes hand numbers round. A row is one of a team's; key s is of `lanes` side by side. */
interface Carrier {
  readonly features: readonly 'subgroups'[]
  /** what stands before `main` */
  readonly memory: string
  readonly entry: string
  /** gives every invocation its lane and its team's first row */
  readonly places: string
  /** queries, taken up before the first key */
  readonly ask: string
  /** adds products of the vectors `first` to `first + count` of queries and keys to the scores */
  readonly score: (part: number, first: number, count: number) => string
  /** makes each of these variables what all lanes of a team have of it together */
  readonly together: (names: readonly string[], both: (a: string, b: string) => string) => string
  /** the weights of all keys, made known */
  readonly hand: string
  /** weights of a row for the keys s, s + lanes, … */
  readonly weight: (row: number) => string
}

const kernelText = (fused: Fused, team: Team, sizeText: (d: Dim) => string, read: Read): KernelText => {
  const { q, k, v, scale, causal, bias, keyMask } = fused
  const { lanes, rows, teams } = team
  const step = 4 * lanes
  const perGroup = rows * teams
  const [width, valueWidth] = [Number(q.at(-1)), Number(v.at(-1))]
  const [quads, valueQuads] = [width / 4, valueWidth / 4]
  const [parts, valueParts] = [range(Math.ceil(quads / lanes)), range(Math.ceil(valueQuads / lanes))]
  const [heads, groups] = [Number(q.at(-3)), Number(k.at(-3))]
  const shared = heads / groups
  const blocks = size.floorDiv(size.add(rowsOf(fused), perGroup - 1), perGroup)
  const tiles = size.mul(size.prod(k.slice(0, -2)), blocks)
  const [all, m, n] = [rowsOf(fused), q.at(-2)!, k.at(-2)!].map(sizeText) as [string, string, string]
  const [mine, four] = [range(rows), range(4)]
  const turns = (n: number): string => (n === lanes ? 'turns' : `min(${n}, turns)`)

  const queryAt = (row: string): string => (shared === 1 ? row : `${row.includes(' ') ? `(${row})` : row} % ${m}`)
  const first = firstOf(fused, read)
  const addScore = (row: number): string => `s${row} += vec4f(dot(a, b0), dot(a, b1), dot(a, b2), dot(a, b3));`
  const keyOf = (t: number): string => (t === 0 ? 'at.x' : `at.${'xyzw'[t]}`)
  const last = `${n} - 1`

  const byShuffles = (): Carrier => ({
    features: ['subgroups'],
    memory: '',
    entry: '@builtin(subgroup_invocation_id) id: u32',
    places: `  let lane = i32(id);
  let row = top;
  let turns = min(${lanes}, tile + ${lanes}); // ${lanes}, but not a constant, so that loops up to it stay loops`,
    ask: `  var q: array<vec4f, ${rows * parts.length}>;
  for (var i = 0; i < count; i++) { ${over(
    parts,
    p =>
      `${guarded(p, quads)}q[${plus(`i * ${parts.length}`, p)}] = ${read(0, `(pair * ${all} + row + i) * ${quads} + ${plus('lane', p * lanes)}`)} * ${scale};${closed(p, quads)}`,
    ' ',
  )} }`,
    score: (
      part,
      start,
      length,
    ) => `${part > 0 ? '' : `    ${over(four, t => `let k${t} = (of_k + min(${keyOf(t)}, ${last})) * ${quads};`, ' ')}\n`}    for (var d = 0; d < ${turns(length)}; d++) {
      ${over(four, t => `let b${t} = ${read(1, plus(plus(`k${t}`, start), 'd'))};`, ' ')}
${over(mine, i => `      { let a = subgroupShuffle(q[${i * parts.length + part}], u32(d)); ${addScore(i)} }`)}
    }`,
    together: (names, both) =>
      names
        .map(x => {
          const steps = range(Math.log2(lanes)).map(d => `${x} = ${both(x, `subgroupShuffleXor(${x}, ${1 << d}u)`)};`)
          return `    ${steps.join(' ')}`
        })
        .join('\n'),
    hand: '',
    weight: i => `subgroupShuffle(s${i}, u32(s))`,
  })
  const byMemory = (): Carrier => {
    const threads = lanes * teams
    // a key's row is one vector longer than it has to be, so that lanes read from different banks
    const pitch = lanes + 1
    return {
      features: [],
      memory: `var<workgroup> keys: array<vec4f, ${step * pitch}>;
var<workgroup> handed: array<vec4f, ${perGroup * lanes}>; // queries, then weights, of all rows
var<workgroup> partial: array<f32, ${perGroup * lanes}>;
`,
      entry: '@builtin(local_invocation_index) id: u32',
      places: `  let local = i32(id);
  let lane = local % ${lanes};
  let own = local / ${lanes} * ${rows}; // this team's first row within the workgroup
  let row = top + own;`,
      ask: '',
      score: (_, start, length) => `    workgroupBarrier();
    for (var i = local; i < ${step * length}; i += ${threads}) {
      keys[i / ${length} * ${pitch} + i % ${length}] = ${read(1, `(of_k + min(block + i / ${length}, ${last})) * ${quads} + ${plus(`i % ${length}`, start)}`)};
    }
    for (var i = local; i < ${perGroup * length}; i += ${threads}) {
      handed[i / ${length} * ${lanes} + i % ${length}] = ${read(0, `(pair * ${all} + min(top + i / ${length}, ${all} - 1)) * ${quads} + ${plus(`i % ${length}`, start)}`)} * ${scale};
    }
    workgroupBarrier();
    for (var d = 0; d < ${length}; d++) {
      ${over(four, t => `let b${t} = keys[(${plus('lane', t * lanes)}) * ${pitch} + d];`, ' ')}
${over(mine, i => `      { let a = handed[(${plus('own', i)}) * ${lanes} + d]; ${addScore(i)} }`)}
    }`,
      together: (
        names,
        both,
      ) => `    ${over(mine, i => `partial[(${plus('own', i)}) * ${lanes} + lane] = ${names[i]};`, ' ')}
    workgroupBarrier();
${over(mine, i => `    ${names[i]} = partial[(${plus('own', i)}) * ${lanes}]; for (var i = 1; i < ${lanes}; i++) { ${names[i]} = ${both(names[i]!, `partial[(${plus('own', i)}) * ${lanes} + i]`)}; }`)}`,
      hand: `    ${over(mine, i => `handed[(${plus('own', i)}) * ${lanes} + lane] = s${i};`, ' ')}
    workgroupBarrier();`,
      weight: i => `handed[(${plus('own', i)}) * ${lanes} + s]`,
    }
  }
  /** where the last lanes have nothing of a width's last part */
  function guarded(part: number, of: number): string {
    return (part + 1) * lanes <= of ? '' : `if (${plus('lane', part * lanes)} < ${of}) { `
  }
  function closed(part: number, of: number): string {
    return (part + 1) * lanes <= of ? '' : ' }'
  }
  const carrier = team.by === 'shuffles' ? byShuffles() : byMemory()
  const column = (p: number): string =>
    (p + 1) * lanes <= valueQuads ? plus('lane', p * lanes) : `min(${plus('lane', p * lanes)}, ${valueQuads - 1})`

  const seen = (i: number): string =>
    causal ? `${keyMask === undefined ? '' : 'open & '}(at <= vec4i(last${i}))` : keyMask === undefined ? '' : 'open'
  const masked = (i: number, s: string): string => (seen(i) === '' ? s : `select(vec4f(${hidden}), ${s}, ${seen(i)})`)
  const biased = bias === undefined ? '' : biasText(bias)
  function biasText(of: NonNullable<Fused['bias']>): string {
    const whole = [...q.slice(0, -2), q.at(-2)!, k.at(-2)!]
    const skipped = whole.length - of.shape.length
    const head = `${groups === 1 ? '' : `pair % ${groups} * ${shared}`}${groups > 1 && shared > 1 ? ' + ' : ''}${shared > 1 ? `(row + i) / ${m}` : ''}`
    const terms = of.shape.flatMap((d, j): readonly string[] => {
      const axis = j + skipped
      if (d === 1 || axis === whole.length - 1) return []
      const after = sizeText(size.prod(whole.slice(axis + 1, -3)))
      const index =
        axis === whole.length - 2
          ? queryAt('row + i')
          : axis === whole.length - 3
            ? head || '0'
            : `${batchOf(fused)} / ${after} % ${sizeText(d)}`
      return [`(${index}) * ${sizeText(size.prod(of.shape.slice(j + 1)))}`]
    })
    const line = terms.join(' + ') || '0'
    const at = (t: number): string => (of.shape.at(-1) === 1 ? 'line' : `line + min(${keyOf(t)}, ${last})`)
    return `    for (var i = 0; i < count; i++) {
      let line = ${line};
      bias[i] = vec4f(${four.map(t => read(of.input, at(t))).join(', ')});
    }
${over(mine, i => `    s${i} += bias[${i}];`)}
`
  }

  const code = `${carrier.memory}
@compute @workgroup_size(${lanes * teams})
fn main(@builtin(workgroup_id) group: vec3u, ${carrier.entry}) {
  let tile = i32(group.y * 32768u + group.x);
  if (tile >= ${sizeText(tiles)}) { return; }
  let pair = tile / ${sizeText(blocks)}; // a head of keys, and the queries that read it
  let top = tile % ${sizeText(blocks)} * ${perGroup};
${carrier.places}
  let count = min(${rows}, ${all} - row); // not a constant on purpose: loops up to it stay loops
  let of_k = pair * ${n};
${causal ? over(mine, i => `  let last${i} = ${plus(queryAt(plus('row', i)), first)};`) + `\n  let stop = min(${n}, ${plus(`min(${queryAt('top')} + ${perGroup}, ${m})`, first)});` : `  let stop = ${n};`}
${carrier.ask}
${bias === undefined ? '' : `  var bias: array<vec4f, ${rows}>;\n`}${over(mine, i => `  var most${i} = ${outside}; var total${i} = 0.0; ${over(valueParts, p => `var out${i}_${p} = vec4f(0.0);`, ' ')}`)}
  for (var block = 0; block < stop; block += ${step}) {
    let at = vec4i(block + lane) + vec4i(${four.map(t => t * lanes).join(', ')}); // this lane scores these four keys
    let inside = at < vec4i(${n});
${keyMask === undefined ? '' : `    let open = vec4<bool>(${four.map(t => `${read(keyMask.input, maskAt(fused, n, `min(${keyOf(t)}, ${last})`))} != 0`).join(', ')});\n`}    ${over(mine, i => `var s${i} = vec4f(0.0);`, ' ')}
${over(parts, p => carrier.score(p, p * lanes, Math.min(lanes, quads - p * lanes)))}
${biased}${over(mine, i => `    s${i} = select(vec4f(${outside}), ${masked(i, `s${i}`)}, inside);`)}
${over(mine, i => `    var top${i} = max(most${i}, max(max(s${i}.x, s${i}.y), max(s${i}.z, s${i}.w)));`)}
${carrier.together(
  mine.map(i => `top${i}`),
  (a, b) => `max(${a}, ${b})`,
)}
${over(
  mine,
  i => `    {
      let fade = exp(most${i} - top${i});
      most${i} = top${i};
      s${i} = exp(s${i} - top${i});
      total${i} = total${i} * fade + dot(s${i}, vec4f(1.0));
      ${over(valueParts, p => `out${i}_${p} *= fade;`, ' ')}
    }`,
)}
${carrier.hand}
    for (var s = 0; s < ${team.by === 'shuffles' ? turns(lanes) : lanes}; s++) { // this lane owns ${valueParts.length} vectors of ${valueQuads} of the output
      ${over(four, t => `let v${t} = (of_k + min(${plus('block + s', t * lanes)}, ${last})) * ${valueQuads};`, ' ')}
      ${over(four, t => over(valueParts, p => `let e${t}_${p} = ${read(2, `v${t} + ${column(p)}`)};`, ' '), ' ')}
${over(mine, i => `      { let w = ${carrier.weight(i)}; ${over(valueParts, p => `out${i}_${p} += w.x * e0_${p} + w.y * e1_${p} + w.z * e2_${p} + w.w * e3_${p};`, ' ')} }`)}
    }
  }
${carrier.together(
  mine.map(i => `total${i}`),
  (a, b) => `${a} + ${b}`,
)}
  var result: array<vec4f, ${rows * valueParts.length}>;
${over(mine, i => `  ${over(valueParts, p => `result[${i * valueParts.length + p}] = out${i}_${p} / total${i};`, ' ')}`)}
  for (var i = 0; i < count; i++) { ${over(
    valueParts,
    p =>
      `${guarded(p, valueQuads)}y[(pair * ${all} + row + i) * ${valueQuads} + ${plus('lane', p * lanes)}] = result[${plus(`i * ${valueParts.length}`, p)}];${closed(p, valueQuads)}`,
    ' ',
  )} }
}
`
  return {
    code: code.replace(/\n\n+/g, '\n').trimStart(),
    grid: [tiles, 1, 1],
    vectors: true,
    features: carrier.features,
  }
}
