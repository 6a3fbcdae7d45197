/**
 * The names of golden ops in terms of Sluice: for each, the graph it is (`graph`), or a function on the host where its
 * shape depends on data or its data are bytes (`host`). Ops and parts are looked up by name when a case runs, so that what
 * is not written yet is reported by name, and runs as soon as it is.
 */
import type { AnyTensor, Loose } from '../../../lib/index.ts'
import * as formats from '../../../lib/weights/number-formats.ts'
import * as boxes from '../../../models/boxes/index.ts'
import { Unsupported, type Numbers } from '../judge.ts'
import type { GoldenTensor } from '../tensors.ts'
import { blocks } from './blocks.ts'
import { family, plain, type Attributes, type Inputs, type Plain } from './lookup.ts'

export type { Attributes }

type Given = Readonly<Record<string, GoldenTensor>>
type Outputs = Readonly<Record<string, AnyTensor>>

export interface GraphEntry {
  readonly graph: (x: Inputs, attrs: Attributes, given: Given) => AnyTensor | Outputs | Promise<AnyTensor>
  /** inputs that hold truth values */
  readonly truth: readonly string[]
  /** inputs that the graph does not take as they are: bytes, which are decoded for it */
  readonly decode?: (given: Given) => Readonly<Record<string, GoldenTensor>>
}
export interface HostEntry {
  readonly host: (given: Given, attrs: Attributes) => Readonly<Record<string, Numbers>>
}
export type Entry = GraphEntry | HostEntry

// ---- saying it in Sluice's way -------------------------------------------------------------------------------------
const letters = [...'abcdefghij']
const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)
/** A pattern from names on the left to names on the right. */
const turned = (from: readonly string[], to: readonly string[]): Plain =>
  family('rearrange')(`${from.join(' ')} -> ${to.join(' ')}`)
const spelled = (pattern: string): string => pattern.replaceAll(/\.\.\.(?![a-z])/g, '...s')

/** An op over axes that leave the shape; with keepdim they stay with length 1. */
const reduction =
  (name: string) =>
  ({ x }: Inputs, attrs: Attributes): Loose => {
    const axes: readonly number[] = attrs.axes ?? [attrs.axis]
    const reduced = family(name)(...axes)(x!)
    if (attrs.keepdim !== true) return reduced
    const front = axes.map(a => axisOf(a, x!.shape.length))
    const names = letters.slice(0, x!.shape.length)
    const kept = names.filter((_, k) => !front.includes(k))
    return turned(
      kept,
      names.map((n, k) => (front.includes(k) ? '1' : n)),
    )(reduced)
  }
const infinite = (x: number | string): number =>
  x === 'inf' ? Number.POSITIVE_INFINITY : x === '-inf' ? Number.NEGATIVE_INFINITY : Number(x)

/** einsum of any number of inputs, letters without spaces, by Sluice's of two with names. */
const contraction = (inputs: readonly Loose[], equation: string): Loose => {
  const named = (term: string): string =>
    [...term.replace('...', '@')].map(letter => (letter === '@' ? '...s' : letter)).join(' ')
  const [left, right] = equation.replaceAll(' ', '').split('->') as [string, string]
  const terms = left.split(',')
  if (inputs.length === 1) return family('reduce')('sum', `${named(left)} -> ${named(right)}`)(inputs[0]!)
  const einsum = family('einsum')
  let [y, have] = [inputs[0]!, terms[0]!]
  inputs.slice(1).forEach((next, k) => {
    const later = terms.slice(k + 2).join('') + right
    const last = k === inputs.length - 2
    const keep = last ? right : [...new Set(have + terms[k + 1]!)].filter(n => later.includes(n)).join('')
    y = einsum(`${named(have)}, ${named(terms[k + 1]!)} -> ${named(keep)}`)(y, next)
    have = keep
  })
  return y
}
const plusBias = (y: Loose, bias: Loose | undefined, spread = ''): Loose =>
  bias === undefined ? y : plain('add')(y, spread === '' ? bias : family('rearrange')(spread)(bias))
const linear = (x: Loose, weight: Loose, bias?: Loose): Loose =>
  plusBias(family('einsum')('...s i, o i -> ...s o')(x, weight), bias)

/** Exactly [B, C, H, W]: goldens are stricter than ops that take any leading axes. */
const pictures = (x: Loose): Loose => family('rearrange')('b c h w -> b c h w')(x)

const orderOf = (x: Loose, weights: Inputs): Loose[] => [x, ...Object.values(weights)]

// ---- bytes ---------------------------------------------------------------------------------------------------------
const bytes = (x: GoldenTensor): Uint8Array => x.data as Uint8Array
const floats = (x: GoldenTensor): Float32Array => x.data as Float32Array
const resized = (shape: readonly number[], by: number): number[] => [...shape.slice(0, -1), shape.at(-1)! * by]
const f32 = (shape: readonly number[], data: Float32Array): GoldenTensor => ({ dtype: 'F32', shape, data })
const decodeInt8 = (q: GoldenTensor, scale: GoldenTensor): GoldenTensor =>
  f32(q.shape, formats.dequantizeInt8({ q: q.data as Int8Array, scale: floats(scale) }))
const layouts = {
  q4_0: { quantize: formats.quantizeQ4_0, dequantize: formats.dequantizeQ4_0, size: formats.blockBytes.q4_0 },
  q8_0: { quantize: formats.quantizeQ8_0, dequantize: formats.dequantizeQ8_0, size: formats.blockBytes.q8_0 },
} as const
type Layout = keyof typeof layouts
const decodeBlocks = (of: Layout, packed: GoldenTensor): GoldenTensor =>
  f32(resized(packed.shape, formats.block / layouts[of].size), layouts[of].dequantize(bytes(packed)))

const quantize = (of: Layout): HostEntry => ({
  host: ({ x }) => ({
    packed: {
      shape: resized(x!.shape, layouts[of].size / formats.block),
      data: layouts[of].quantize(floats(x!), x!.shape.at(-1)!),
    },
  }),
})
const dequantize = (of: Layout): HostEntry => ({ host: ({ packed }) => ({ y: decodeBlocks(of, packed!) }) })
const codec = <A, B extends ArrayLike<number>>(input: string, output: string, f: (x: A) => B): HostEntry => ({
  host: given => ({ [output]: { shape: given[input]!.shape, data: f(given[input]!.data as A) } }),
})
const onWeight = (decode: GraphEntry['decode'] & {}): GraphEntry => ({
  truth: [],
  decode,
  graph: ({ x, weight }) => linear(x!, weight!),
})

// ---- the table -----------------------------------------------------------------------------------------------------
const graph = (build: GraphEntry['graph'], ...truth: readonly string[]): GraphEntry => ({ graph: build, truth })
const elementwise = (name: string): GraphEntry => graph(x => plain(name)(...Object.values(x)))
const truths = (name: string): GraphEntry => graph(x => plain(name)(...Object.values(x)), 'a', 'b', 'x')
const loss = (name: string): GraphEntry =>
  graph(({ x, target }, { reduction: how }) => family(name)({ reduction: how })(x!, target!))
const keep = (indices: Int32Array): Readonly<Record<string, Numbers>> => ({
  keep: { shape: [indices.length], data: indices },
})
const roi = (name: string): GraphEntry =>
  graph(({ x, boxes: where, batch_index }, attrs) =>
    family(name)({
      bins: attrs.output_size,
      scale: attrs.spatial_scale,
      samplingRatio: attrs.sampling_ratio,
      aligned: attrs.aligned,
    })(x!, where!, batch_index!),
  )

const table: Readonly<Record<string, Entry>> = {
  add: elementwise('add'),
  sub: elementwise('sub'),
  mul: elementwise('mul'),
  div: elementwise('div'),
  maximum: elementwise('maximum'),
  minimum: elementwise('minimum'),
  pow: graph(({ x }, { exponent }) => family('pow')(exponent)(x!)),
  neg: elementwise('neg'),
  exp: elementwise('exp'),
  log: elementwise('log'),
  sqrt: elementwise('sqrt'),
  rsqrt: elementwise('rsqrt'),
  reciprocal: elementwise('reciprocal'),
  tanh: elementwise('tanh'),
  sigmoid: elementwise('sigmoid'),
  erf: elementwise('erf'),
  sin: elementwise('sin'),
  cos: elementwise('cos'),
  abs: elementwise('abs'),
  relu: elementwise('relu'),
  gelu: elementwise('gelu'),
  quick_gelu: elementwise('quickGelu'),
  silu: elementwise('silu'),
  softplus: elementwise('softplus'),
  elu: graph(({ x }, { alpha }) => family('elu')(alpha)(x!)),
  round: elementwise('round'),
  floor: elementwise('floor'),
  clamp: graph(({ x }, bounds) => family('clamp')(bounds)(x!)),
  cast: graph(({ x }, { to }) => family('cast')(to === 'I32' ? 'index' : 'float')(x!)),
  where: graph(({ cond, a, b }) => plain('where')(cond!, a!, b!), 'cond'),
  equal: elementwise('equal'),
  not_equal: elementwise('notEqual'),
  less: elementwise('less'),
  less_equal: elementwise('lessEqual'),
  greater: elementwise('greater'),
  greater_equal: elementwise('greaterEqual'),
  logical_and: truths('logicalAnd'),
  logical_or: truths('logicalOr'),
  logical_not: truths('logicalNot'),

  transpose: graph(({ x }, { axis0, axis1 }) => family('swapAxes')(axis0, axis1)(x!)),
  permute: graph(({ x }, { axes }) => family('permute')(axes)(x!)),
  rearrange: graph(({ x }, { pattern, sizes }) => family('rearrange')(spelled(pattern), sizes)(x!)),
  repeat: graph(({ x }, { pattern, sizes }) => family('rearrange')(spelled(pattern), sizes)(x!)),
  reshape: graph(({ x }, { shape }) => family('reshape')(shape)(x!)),
  slice: graph(({ x }, { slices }) => family('slice')(...slices)(x!)),
  flip: graph(({ x }, { axes }) => family('flip')(...axes)(x!)),
  pad: graph(({ x }, { before, after, value }) => family('pad')(before, after, infinite(value))(x!)),
  concat: graph((x, { axis }) => family('concat')(axis)(...Object.values(x))),
  stack: graph((x, { axis }) => family('stack')(axis)(...Object.values(x))),
  roll: graph(({ x }, { shifts, axes }) => family('roll')(shifts, axes)(x!)),
  broadcast_to: graph(({ x }, { shape }) => {
    const added = Array.from({ length: Math.max(0, shape.length - x!.shape.length) }, (_, k) => k)
    return family('broadcastTo')(shape, added)(x!)
  }),
  tile: graph(({ x }, { repeats }) => family('tile')(repeats)(x!)),
  repeat_interleave: graph(({ x }, { axis, repeats }) => family('repeatInterleave')(axis, repeats)(x!)),
  window_partition: graph(({ x }, { window }) => family('windowPartition')(window)(x!)),
  window_unpartition: graph(({ x }, { height, width }) => family('windowUnpartition')(height, width)(x!)),
  pixel_unshuffle: graph(({ x }, { factor }) => family('pixelUnshuffle')(factor)(x!)),
  pixel_shuffle: graph(({ x }, { factor }) => family('pixelShuffle')(factor)(x!)),
  patchify: graph(({ x }, { patch }) => family('patchify')(patch)(x!)),

  sum: graph(reduction('sum')),
  mean: graph(reduction('mean')),
  max: graph(reduction('max')),
  min: graph(reduction('min')),
  argmax: graph(reduction('argmax')),
  argmin: graph(reduction('argmin')),
  var: graph(reduction('variance')),
  logsumexp: graph(reduction('logsumexp')),
  cumsum: graph(({ x }, { axis }) => family('cumsum')(axis)(x!)),
  reduce: graph(({ x }, { pattern, how, sizes }) => family('reduce')(how, spelled(pattern), sizes)(x!)),
  softmax: graph(({ x }, { axis }) => family('softmaxOver')(axis)(x!)),
  log_softmax: graph(({ x }, { axis }) => family('logSoftmaxOver')(axis)(x!)),
  l2_normalize: graph(({ x }, { axis, eps, eps_rule }) => family('l2Normalize')({ axis, eps, epsRule: eps_rule })(x!)),
  layer_norm: graph(({ x, ...weights }, { axis, eps }) =>
    family('layerNormalize')({ axis, eps })(...orderOf(x!, weights)),
  ),
  rms_norm: graph(({ x, weight }, { eps }) => family('rmsNormalize')({ eps })(x!, weight!)),
  topk: graph(({ x }, { axis, k, largest }) => family('topK')(k, { axis, largest })(x!) as never),
  sort: graph(({ x }, { axis, descending }) => family('sort')(axis, descending)(x!) as never),
  any: graph(reduction('any'), 'x'),
  all: graph(reduction('all'), 'x'),

  matmul: graph(({ a, b }, { transpose_a, transpose_b }) => {
    const straight = (x: Loose, swap: boolean | undefined): Loose =>
      swap === true ? family('rearrange')('...s a b -> ...s b a')(x) : x
    return plain('matmul')(straight(a!, transpose_a), straight(b!, transpose_b))
  }),
  linear: graph(({ x, weight, bias }) => linear(x!, weight!, bias)),
  einsum: graph((x, { equation }) => contraction(Object.values(x), equation)),
  outer: elementwise('outer'),
  dot: elementwise('dot'),

  conv2d: graph(({ x, weight, bias }, { stride, padding, groups }) => {
    const around = padding.map((p: number) => [p, p])
    return plusBias(family('convolve')({ stride, padding: around, groups })(x!, weight!), bias, 'c -> c 1 1')
  }),
  conv1d: graph(({ x, weight, bias }, { stride, padding, groups }) => {
    const options = {
      stride: [1, stride],
      padding: [
        [0, 0],
        [padding, padding],
      ],
      groups,
    }
    const wide = family('rearrange')('a b c -> a b 1 c')
    const y = family('convolve')(options)(wide(x!), wide(weight!))
    return family('rearrange')('a b 1 c -> a b c')(plusBias(y, bias, 'c -> c 1 1'))
  }),
  avg_pool2d: graph(({ x }, { kernel, stride, padding, count_include_pad }) =>
    family('avgPool2d')({ kernel, stride, padding, countPadding: count_include_pad })(x!),
  ),
  max_pool2d: graph(({ x }, { kernel, stride, padding }) => family('maxPool2d')({ kernel, stride, padding })(x!)),
  adaptive_avg_pool2d: graph(({ x }, { size }) => family('adaptiveAvgPool2d')(size)(x!)),

  embedding: graph(({ weight, index }) => plain('lookup')(weight!, index!)),
  gather: graph(({ x, index }, { axis }) => family('gather')(axis)(x!, index!)),
  take_along_dim: graph(({ x, index }, { axis }) => family('takeAlong')(axis)(x!, index!)),
  index_select: graph(({ x, index }, { axis }) => family('indexSelect')(axis)(x!, index!)),
  scatter_add: graph(({ x, index, src }, { axis }) => {
    const at = axisOf(axis, x!.shape.length)
    return plain('add')(x!, family('scatterAddAlong')(at, x!.shape[at])(src!, index!))
  }),
  one_hot: graph(({ index }, { classes }) => family('oneHot')(classes)(index!)),
  update_slice: graph(({ x, update, start }, { axis }) => family('updateSlice')(axis)(x!, update!, start!)),
  masked_fill: graph(({ x, mask }, { value }) => family('maskedFill')(infinite(value))(x!, mask!), 'mask'),
  triu: graph(({ x }, { diagonal }) => family('triu')(diagonal)(x!)),
  tril: graph(({ x }, { diagonal }) => family('tril')(diagonal)(x!)),
  arange: graph((_, { start, stop, step, dtype }) => {
    const arange = family('arange') as unknown as (start: number, stop: number, step: number) => Loose
    if (dtype === 'I32') return arange(start, stop, step)
    // fractions are steps of a whole number of them
    const count = Math.max(0, Math.ceil((stop - start) / step))
    return family('shift')(start)(family('scale')(step)(plain('toFloat')(arange(0, count, 1))))
  }),

  attention: graph(
    ({ q, k, v, bias, key_mask }, { scale, causal, offset }) =>
      family('attention')({ scale, causal, offset, bias: bias !== undefined, keyMask: key_mask !== undefined })(
        ...[q!, k!, v!, bias, key_mask].filter(input => input !== undefined),
      ),
    'key_mask',
  ),
  rope: graph(({ x, position_ids }, { theta }) => family('rope')({ theta })(x!, position_ids!)),

  interpolate: graph(({ x }, { size, mode, align_corners }) =>
    family('interpolate')({ size, mode, alignCorners: align_corners })(pictures(x!)),
  ),
  roi_align: roi('roiAlign'),
  roi_mean: roi('roiMean'),
  nms: {
    host: ({ boxes: where, scores }, { iou_threshold }) =>
      keep(boxes.nms(floats(where!), floats(scores!), iou_threshold)),
  },
  batched_nms: {
    host: ({ boxes: where, scores, labels }, { iou_threshold }) =>
      keep(boxes.batchedNms(floats(where!), floats(scores!), labels!.data, iou_threshold)),
  },
  box_iou: elementwise('boxIou'),

  cross_entropy: graph(({ logits, target }, { ignore_index }) =>
    family('crossEntropy')({ ignoreIndex: ignore_index })(logits!, target!),
  ),
  mse_loss: loss('mseLoss'),
  l1_loss: loss('l1Loss'),
  bce_with_logits: loss('bceWithLogits'),

  quantize_int8: {
    host: ({ x }) => {
      const { q, scale } = formats.quantizeInt8(floats(x!), x!.shape.at(-1)!)
      return { q: { shape: x!.shape, data: q }, scale: { shape: x!.shape.slice(0, -1), data: scale } }
    },
  },
  dequantize_int8: { host: ({ q, scale }) => ({ y: decodeInt8(q!, scale!) }) },
  quantize_q4_0: quantize('q4_0'),
  dequantize_q4_0: dequantize('q4_0'),
  quantize_q8_0: quantize('q8_0'),
  dequantize_q8_0: dequantize('q8_0'),
  linear_int8: onWeight(({ q, scale }) => ({ weight: decodeInt8(q!, scale!) })),
  linear_q4_0: onWeight(({ packed }) => ({ weight: decodeBlocks('q4_0', packed!) })),
  linear_q8_0: onWeight(({ packed }) => ({ weight: decodeBlocks('q8_0', packed!) })),
  to_f16: codec('x', 'bits', formats.toF16),
  from_f16: codec('bits', 'y', formats.fromF16),
  to_bf16: codec('x', 'bits', formats.toBF16),
  from_bf16: codec('bits', 'y', formats.fromBF16),

  ...Object.fromEntries(Object.entries(blocks).map(([name, build]) => [name, graph(build)])),
}

/** What a golden op is here. */
export const entryOf = (op: string): Entry => {
  const entry = Object.hasOwn(table, op) ? table[op] : undefined
  if (entry === undefined) throw new Unsupported(`the table of golden ops has no '${op}'`)
  return entry
}
