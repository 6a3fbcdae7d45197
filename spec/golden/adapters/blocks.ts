/**
 * Golden blocks, whole layers with parameters under the names of checkpoints: parts of models/ where these have them in
 * this generality, and compositions of ops otherwise.
 */
import { constant, table as tableOf, type AnyTensor, type Loose } from '../../../lib/index.ts'
import { family, part, plain, withParameters, type Attributes, type Inputs } from './lookup.ts'

const widthOf = (x: Loose | undefined, axis = -1): number => x!.shape.at(axis) as number
const layer = (name: string, ...args: readonly unknown[]) => family(name)(...args)
const sum = (a: AnyTensor, b: AnyTensor): Loose => plain('add')(a, b)

const swiglu = ({ x, ...weights }: Inputs): AnyTensor => {
  const project = (name: string, of: Loose): Loose =>
    layer('linear', name, weights[`${name}.weight`]!.shape[0], { bias: false })(of)
  const hidden = plain('mul')(plain('silu')(project('gate_proj', x!)), project('up_proj', x!))
  return withParameters(project('down_proj', hidden), weights)
}

const geluMlp = ({ x, ...weights }: Inputs, { activation }: Attributes): AnyTensor => {
  const project = (name: string, of: Loose): Loose => layer('linear', name, weights[`${name}.weight`]!.shape[0])(of)
  const active = plain(activation === 'gelu' ? 'gelu' : 'quickGelu')(project('fc1', x!))
  return withParameters(project('fc2', active), weights)
}

const clipLayer = async ({ x, ...weights }: Inputs, { heads, eps }: Attributes): Promise<AnyTensor> => {
  const width = widthOf(x)
  const mlpWidth = weights['mlp.fc1.weight']!.shape[0]
  const made = await part('clip', 'clipLayer')
  return withParameters(made({ width, heads, headWidth: width / heads, mlpWidth, eps })(x!), weights)
}

const llamaLayer = async (inputs: Inputs, { heads, kv_heads, theta, eps }: Attributes): Promise<AnyTensor> => {
  const { x, position_ids, ...weights } = inputs
  const made = await part('llama', 'llamaLayer')
  const llama = (await import('../../../models/llama.ts')) as { readonly separate: unknown }
  const config = {
    width: widthOf(x),
    heads,
    keyHeads: kv_heads,
    headWidth: widthOf(weights['self_attn.q_proj.weight'], 0) / heads,
    mlpWidth: weights['mlp.gate_proj.weight']!.shape[0],
    theta,
    eps,
    projections: llama.separate,
  }
  return withParameters(made(config)(x!, position_ids!), weights)
}

const convNextBlock = async ({ x, ...weights }: Inputs): Promise<AnyTensor> => {
  const made = await part('convnext', 'convNextBlock')
  return withParameters(made(widthOf(x, -3))(x!), weights)
}

/** Conv-Gate with a gate of any hidden width, of the pieces of models/fusion. */
const convGate = async ({ low, high, ...weights }: Inputs): Promise<AnyTensor> => {
  const piece = async (name: string) => (await part('fusion', name)) as unknown as (...a: readonly unknown[]) => Loose
  const [align, side, scaleBy, add] = await Promise.all(['align', 'side', 'scaleBy', 'sum'].map(piece))
  const views = align!({ low, high, maps: [] }) as unknown as { readonly low: Loose; readonly high: Loose }
  const token = family('reduce')('mean', '...s n c -> ...s 1 c')(side!(views))
  const hidden = layer('linear', 'gate.0', weights['gate.0.weight']!.shape[0])(token)
  const gate = plain('tanh')(layer('linear', 'gate.2', 1)(plain('gelu')(hidden)))
  return withParameters(add!({ low: views.low, high: scaleBy!(views.high, gate) }), weights)
}

const patchInfoMining = async (
  { low, high, ...weights }: Inputs,
  { height, width }: Attributes,
): Promise<AnyTensor> => {
  const mine = (await part('fusion', 'minePatches')) as unknown as (views: object) => AnyTensor
  // the last map says the grid and nothing else
  const grid = constant(0, [...high!.shape.slice(0, -3), 1, height, width])
  const named = Object.fromEntries(Object.entries(weights).map(([name, x]) => [`vlm_uni_${name}`, x]))
  return withParameters(mine({ low, high: grid, maps: [high] }), named)
}

/** Attention of a module with joined projections, torch's MultiheadAttention: rows q, k, v. */
const joinedAttention = (heads: number, q: Loose, k: Loose, v: Loose, weight: Loose, bias: Loose): Loose => {
  const width = widthOf(q)
  const third = (n: number, of: Loose): Loose => {
    const rows = family('slice')({ axis: 0, start: n * width, stop: (n + 1) * width })
    const y = sum(family('einsum')('...s i, o i -> ...s o')(of, rows(weight)), rows(bias))
    return family('rearrange')('...s n (h d) -> ...s h n d', { h: heads })(y)
  }
  const seen = family('attention')()(third(0, q), third(1, k), third(2, v))
  return family('rearrange')('...s h n d -> ...s n (h d)')(seen)
}

const resampler = (inputs: Inputs, { heads, eps }: Attributes): AnyTensor => {
  const { x, query, pos_embed, key_pos_embed, proj, ...weights } = inputs
  const [weight, bias] = [weights['attn.in_proj_weight']!, weights['attn.in_proj_bias']!]
  const rest = Object.fromEntries(Object.entries(weights).filter(([name]) => !name.startsWith('attn.in_proj')))
  const norm = (name: string) => layer('layerNorm', name, { eps })
  const width = widthOf(query)
  const values = norm('ln_kv')(layer('linear', 'kv_proj', width, { bias: false })(x!))
  const one = sum(norm('ln_q')(query!), pos_embed!)
  const queries = family('broadcastTo')([...x!.shape.slice(0, -2), ...one.shape], [0])(one)
  const read = joinedAttention(heads, queries, sum(values, key_pos_embed!), values, weight, bias)
  const told = norm('ln_post')(layer('linear', 'attn.out_proj', width)(read))
  return withParameters(plain('matmul')(told, proj!), rest)
}

/** Window attention of Swin with its shift, on [B, H, W, C]. */
const swinAttention = (inputs: Inputs, { window, shift, heads }: Attributes): AnyTensor => {
  const { x, relative_position_bias_table: table, ...weights } = inputs
  const [, height, width, channels] = x!.shape as readonly [number, number, number, number]
  const rolled = (y: Loose, by: number): Loose => (shift === 0 ? y : family('roll')([by, by], [1, 2])(y))
  const windows = family('windowPartition')(window)(rolled(x!, -shift))
  const tokens = family('rearrange')('n p q c -> n (p q) c')(windows)
  const joined = layer('linear', 'qkv', 3 * channels)(tokens)
  const thirds = family('rearrange')('n t (k c) -> k n t c', { k: 3 })(joined)
  const [q, k, v] = [0, 1, 2].map(n => {
    const third = family('slice')({ axis: 0, start: n, stop: n + 1 })(thirds)
    return family('rearrange')('n t (h d) -> n h t d', { h: heads })(family('rearrange')('1 n t c -> n t c')(third))
  })
  const area = window * window
  const position = (i: number): readonly [number, number] => [Math.floor(i / window), i % window]
  const between = Array.from({ length: area * area }, (_, at) => {
    const [[r, s], [u, w]] = [position(Math.floor(at / area)), position(at % area)]
    return (r - u + window - 1) * (2 * window - 1) + (s - w + window - 1)
  })
  const bias = family('rearrange')('t u h -> h t u')(family('take')(0)(table!, indices(between, [area, area])))
  const mask = shiftMask(height, width, window, shift)
  const masked = family('reshape')([mask.length / area ** 2, 1, area, area])(numbers(mask))
  const images = family('tile')([x!.shape[0] as number, 1, 1, 1])(masked)
  const seen = family('attention')({ bias: true })(q!, k!, v!, sum(bias, images))
  const told = layer('linear', 'proj', channels)(family('rearrange')('n h t d -> n t (h d)')(seen))
  const back = family('rearrange')('n (p q) c -> n p q c', { p: window })(told)
  return withParameters(rolled(family('windowUnpartition')(height, width)(back), shift), weights)
}
const numbers = (values: readonly number[]): Loose => tableOf(values, [values.length])
const indices = (values: readonly number[], shape: readonly number[]): Loose => plain('toIndex')(tableOf(values, shape))
/** -100 between positions of one window that the shift brought together, 0 elsewhere: [windows, area, area]. */
const shiftMask = (height: number, width: number, window: number, shift: number): number[] => {
  const region = (i: number, n: number): number => (shift === 0 || i < n - window ? 0 : i < n - shift ? 1 : 2)
  const mask: number[] = []
  const places = Array.from({ length: window * window }, (_, i) => [Math.floor(i / window), i % window] as const)
  for (let y = 0; y < height; y += window)
    for (let x = 0; x < width; x += window) {
      const regions = places.map(([r, s]) => 3 * region(y + r, height) + region(x + s, width))
      for (const a of regions) for (const b of regions) mask.push(a === b ? 0 : -100)
    }
  return mask
}

export const blocks: Readonly<Record<string, (x: Inputs, attrs: Attributes) => AnyTensor | Promise<AnyTensor>>> = {
  swiglu_mlp: swiglu,
  gelu_mlp: geluMlp,
  clip_layer: clipLayer,
  llama_layer: llamaLayer,
  convnext_block: convNextBlock,
  conv_gate: convGate,
  patch_info_mining: patchInfoMining,
  resampler,
  swin_attention: swinAttention,
}
