/**
 * How the maps of two towers become one: Conv-Gate of MG-LLaVA (Zhao et al., MG-LLaVA, 2024; the same arithmetic as
 * LLaVA-HR's), and the fusions it was compared with, as compositions of shared pieces. A fusion takes Views and gives
 * tokens; their width is the fusion's own, and the projector after it follows. Write yours as `fusion(flow(align, …))`.
 *
 * Sources: PhoenixZ810/MG-LLaVA:mg_llava/module/fuse_model.py (DualPathFuseModule, 1, 2, 3), and variants published as
 * byte code; dvlab-research/MGM. Parameters are named `fuse_module.*`; L, H, g and mined can be found by name there.
 */
import {
  flow,
  lastSize,
  loosely,
  named,
  pipe,
  scope,
  size,
  type AnyTensor,
  type Dim,
  type Loose,
  type Shape,
  type Sum,
  type Tensor,
} from '../lib/index.ts'
import { add, concat, gelu, interpolate, mul, rearrange, reduce, tanh } from '../ops/index.ts'
import { conv2d, linear } from '../ops/layers/index.ts'
import { askOwnMemory } from './cross-attention.ts'
import { expectShape } from './expect-shape.ts'
import { ontoGrid, type Grid } from './grid.ts'

/** What a fusion sees, all of one picture. N = H · W, unless the tokens have a grid of their own. */
export interface Views<S extends Shape, N extends Dim, C extends Dim, E extends Dim, H extends Dim, W extends Dim> {
  /** tokens of the low-resolution tower, row after row */
  readonly low: Tensor<[...S, N, C]>
  /** last map of the high-resolution tower */
  readonly high: Tensor<[...S, E, H, W]>
  /** maps of all its stages, finest first */
  readonly maps: readonly AnyTensor[]
  /** that of the tokens, where the last map has another */
  readonly grid?: Grid
}
/** Both views as tokens. */
export interface Aligned<S extends Shape, N extends Dim, C extends Dim, E extends Dim> {
  readonly low: Tensor<[...S, N, C]>
  readonly high: Tensor<[...S, N, E]>
}
/** From both views to tokens like those of the low-resolution tower. */
type Path = <S extends Shape, N extends Dim, C extends Dim, E extends Dim, H extends Dim, W extends Dim>(
  v: Views<S, N, C, E, H, W>,
) => Tensor<[...S, N, C]>

/** A fusion: its parameters come under `fuse_module`. */
export const fusion = <A extends readonly unknown[], B>(f: (...a: A) => B): ((...a: A) => B) => scope('fuse_module', f)

// ---- pieces ----------------------------------------------------------------------------------------------------------
const xavier = { padding: 'same', init: { init: 'xavier' }, biasInit: { init: 'zeros' } } as const
const zeros = { padding: 'same', init: { init: 'zeros' }, biasInit: { init: 'zeros' } } as const
const tokensOf = rearrange('...s c h w -> ...s (h w) c')

const gridOf = ({ high, grid }: { readonly high: AnyTensor; readonly grid?: Grid }): Grid =>
  grid ?? (high.shape.slice(-2) as [Dim, Dim])
/** The low-resolution tokens as a map. */
const mapOf = <S extends Shape, N extends Dim, C extends Dim, E extends Dim, H extends Dim, W extends Dim>(
  v: Views<S, N, C, E, H, W>,
): Tensor<[...S, C, H, W]> => loosely(rearrange)('...s (h w) c -> ...s c h w', { h: gridOf(v)[0] })(v.low)

/** X + 1×1(gelu(depthwise(X))), X the low-resolution map. */
export const lowPath: Path = v => {
  const [x, width] = [mapOf(v), lastSize(v.low)]
  const spread = conv2d('fast_conv', { ...xavier, out: width, kernel: 7, groups: Number(width) })
  const change = pipe(x, spread, gelu, conv2d('fast_proj', { ...zeros, out: width, kernel: 1 }))
  return pipe(add(x, change), tokensOf, expectShape(v.low.shape), named('L'))
}
/** 1×1(gelu(1×1(high))), as wide as the low-resolution tokens and on their grid. */
export const highPath: Path = v => {
  const { low, high } = v
  const mix = conv2d('slow_conv', { ...xavier, out: high.shape.at(-3)!, kernel: 1 })
  const narrow = conv2d('slow_proj', { ...zeros, out: lastSize(low), kernel: 1 })
  return pipe(high, mix, gelu, narrow, ontoGrid(gridOf(v)), tokensOf, expectShape(low.shape), named('H'))
}
/** gelu(Linear(low)): the low path of the fast-branch MLP. */
export const linearPath: Path = ({ low }) => pipe(low, linear('fast_proj.model.0', lastSize(low)), gelu, named('L'))

export const align = <S extends Shape, N extends Dim, C extends Dim, E extends Dim, H extends Dim, W extends Dim>(
  v: Views<S, N, C, E, H, W>,
): Aligned<S, N, C, C> => ({ low: lowPath(v), high: highPath(v) })
export const alignLinear = <S extends Shape, N extends Dim, C extends Dim, E extends Dim, H extends Dim, W extends Dim>(
  v: Views<S, N, C, E, H, W>,
): Aligned<S, N, C, C> => ({ low: linearPath(v), high: highPath(v) })
/** Both views as they are. */
export const asTokens = <S extends Shape, N extends Dim, C extends Dim, E extends Dim, H extends Dim, W extends Dim>({
  low,
  high,
}: Views<S, N, C, E, H, W>): Aligned<S, N, C, E> => ({
  low,
  high: loosely(rearrange)('...s c h w -> ...s (h w) c')(high),
})

/**
 * How far the high-resolution view is let in: one number for each picture, from the mean of all tokens through a hidden layer (of half
 * the low-resolution width, unless said).
 */
export const gate = <S extends Shape, N extends Dim, C extends Dim, E extends Dim>(
  v: Aligned<S, N, C, E>,
  hiddenWidth: Dim = size.floorDiv(lastSize(v.low), 2),
): Tensor<[...S, 1, 1]> => {
  const token = pipe(side(v), reduce('mean', '...s n c -> ...s 1 c'))
  const hidden = pipe(token, linear('gate.0', hiddenWidth), gelu)
  return pipe(hidden, linear('gate.2', 1), tanh, named('g'))
}
/** x times numbers that broadcast to its shape. */
export const scaleBy = <S extends Shape>(x: Tensor<S>, by: AnyTensor): Tensor<S> => loosely(() => mul)()(x, by)
export const gateHigh = <S extends Shape, N extends Dim, C extends Dim, E extends Dim>(
  v: Aligned<S, N, C, E>,
): Aligned<S, N, C, E> => ({ ...v, high: scaleBy(v.high, gate(v)) })

export const sum = <S extends Shape, N extends Dim, C extends Dim>(v: Aligned<S, N, C, C>): Tensor<[...S, N, C]> =>
  add(v.low, v.high)
/** The views side by side: each token is as wide as both. */
export const side = <S extends Shape, N extends Dim, C extends Dim, E extends Dim>(
  v: Aligned<S, N, C, E>,
): Tensor<[...S, N, Sum<[C, E]>]> => concat(-1)(v.low, v.high)
/** The views one after the other: twice as many tokens. */
export const below = <S extends Shape, N extends Dim, C extends Dim>(
  v: Aligned<S, N, C, C>,
): Tensor<[...S, Sum<[N, N]>, C]> => loosely(concat)(-2)(v.low, v.high)

/** All maps at the size of the finest, joined over channels. */
export const pyramid = (maps: readonly AnyTensor[]): Loose => {
  const resize = loosely(interpolate)({ size: maps[0]!.shape.slice(-2), mode: 'bilinear' })
  return loosely(concat)(-3)(...maps.map((map, i) => (i === 0 ? map : resize(map))))
}
/** Every low-resolution token and what it finds in the high-resolution pixels under it. */
export const minePatches: Path = v => {
  const { low } = v
  const [h, w] = gridOf(v)
  const under = loosely(rearrange)('...s c (h y) (w x) -> ...s (h w) (y x) c', { h, w })(pyramid(v.maps))
  const mined = named('mined')(askOwnMemory('aux')(low, under))
  return add(low, mined)
}

// ---- fusions, by the width of their tokens for 1024 channels of CLIP and 1536 of ConvNeXt --------------------------------
/** L + g · H: [tokens, 1024] */
export const convGate = fusion(flow(align, gateHigh, sum))
/** [tokens, 2048] */
export const gatedConcat = fusion(flow(align, gateHigh, side))
/** [tokens, 2048] */
export const plainConcat = fusion(flow(align, side))
/** [tokens, 2560] */
export const channelConcat = fusion(flow(asTokens, side))
/** [tokens, 1024] */
export const fastMlp = fusion(flow(alignLinear, gateHigh, sum))
/** [tokens, 1024]. Li et al., Mini-Gemini, 2024. */
export const patchInfoMining = fusion(minePatches)
/** [2 tokens, 1024], for a resampler to read */
export const bothViews = fusion(flow(align, below))
/** No fusion: the tokens of the low-resolution tower. */
export const lowOnly = <T extends AnyTensor>({ low }: { readonly low: T }): T => low
