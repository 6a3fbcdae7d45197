import {
  and,
  asTensor,
  compare,
  literal,
  loosely,
  minus,
  modulo,
  op,
  opOf,
  over,
  plus,
  select,
  showShape,
  size,
  sizeOf,
  stridesOf,
  times,
  type Contract,
  type Dim,
  type Expr,
  type FormInputs,
  type Gradient,
  type Loose,
  type Reference,
  type Refusal,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { einsum } from './einsum.ts'
import { rearrange } from './rearrange.ts'
import { scale } from './scale.ts'
import { windowCount, type Pair } from './window.ts'

export interface ConvolveOptions {
  /** steps of the window, [rows, columns] */
  readonly stride?: Pair<number>
  /** zeros [before, after] rows, then columns; negative crops */
  readonly padding?: Pair<Pair<number>>
  /** distance of the taps of the window */
  readonly dilation?: Pair<number>
  /** distance that the rows and columns of x are pulled apart to, with zeros between */
  readonly inputDilation?: Pair<number>
  /** groups of channels that do not see each other */
  readonly groups?: number
}
/**
 * Row p of the result meets, under tap u, row p stride + u dilation - before of x pulled apart. Only gradients use a negative stride or
 * dilation, and give the extent of their result.
 */
export interface ConvolveAttrs extends Required<Omit<ConvolveOptions, 'padding'>> {
  readonly before: Pair<number>
  readonly after: Pair<number>
  /** rows and columns of the result, where they do not follow from `after` */
  readonly extent?: Pair<Dim>
}
type Convolve = (
  options?: ConvolveOptions,
) => <
  S extends Shape,
  C extends Dim,
  H extends Dim,
  W extends Dim,
  O extends Dim,
  I extends Dim,
  P extends Dim,
  Q extends Dim,
>(
  x: Tensor<[...S, C, H, W]>,
  weight: Tensor<[O, I, P, Q]>,
) => Tensor<[...S, O, Dim, Dim]>

const attributes = (given: Partial<ConvolveAttrs>): ConvolveAttrs => ({
  stride: [1, 1],
  dilation: [1, 1],
  inputDilation: [1, 1],
  groups: 1,
  before: [0, 0],
  after: [0, 0],
  ...given,
})
export const convolutionAttrs = ({ padding = noPadding, ...options }: ConvolveOptions = {}): ConvolveAttrs =>
  attributes({ ...options, before: [padding[0][0], padding[1][0]], after: [padding[0][1], padding[1][1]] })
const noPadding = [
  [0, 0],
  [0, 0],
] as const

const extentOf = (attrs: ConvolveAttrs, x: Shape, weight: Shape, side: 0 | 1): Dim | Refusal =>
  attrs.extent !== undefined
    ? attrs.extent[side]
    : windowCount({
        axis: side === 0 ? -2 : -1,
        length: x.at(side - 2)!,
        window: weight[side + 2]!,
        stride: attrs.stride[side],
        padding: attrs.before[side] + attrs.after[side],
        dilation: attrs.dilation[side],
        inputDilation: attrs.inputDilation[side],
      })
/** are channels visibly a multiple of the groups? */
const inGroups = (channels: Dim, groups: number): boolean => !/^(✗|div\()/.test(String(size.div(channels, groups)))
export const convolutionRule: Rule<ConvolveAttrs> = {
  sentence: ({ groups }) =>
    groups === 1
      ? '...s c h w, o c p q -> ...s o y x'
      : `...s (${groups} c) h w, (${groups} o) c p q -> ...s (${groups} o) y x`,
  infer: (shapes, attrs) => {
    if (shapes.length !== 2) return { why: `takes 2 inputs, got ${shapes.length}`, sizes: [2, shapes.length] }
    const [x, weight] = shapes as [Shape, Shape]
    const { groups } = attrs
    if (x.length < 3)
      return {
        why: `input 1 is ${showShape(x)}, of rank ${x.length}, should have at least 3 axes`,
        inputs: [0],
        sizes: [3, x.length],
      }
    if (weight.length !== 4)
      return {
        why: `input 2 is ${showShape(weight)}, of rank ${weight.length}, should have 4 axes`,
        inputs: [1],
        sizes: [4, weight.length],
      }
    const steps = [...attrs.stride, ...attrs.dilation, ...attrs.inputDilation, groups]
    const step = steps.find(n => !Number.isInteger(n) || (n < 1 && attrs.extent === undefined))
    if (step !== undefined)
      return { why: `strides, dilations and groups are whole numbers from 1 on, not ${step}`, sizes: [step] }
    const [c, o, inner] = [x.at(-3)!, weight[0]!, weight[1]!]
    if (!inGroups(c, groups))
      return { why: `${c} channels of input 1 do not make ${groups} groups`, inputs: [0], axis: -3, sizes: [c, groups] }
    if (!inGroups(o, groups))
      return {
        why: `${o} channels of the result do not make ${groups} groups`,
        inputs: [1],
        axis: 0,
        sizes: [o, groups],
      }
    if (size.mul(inner, groups) !== c)
      return {
        why: `input 1 has ${c} channels${groups === 1 ? '' : `, ${size.div(c, groups)} in each of ${groups} groups`}, but the window of input 2 has ${inner}`,
        inputs: [0, 1],
        axis: 1,
        sizes: [groups === 1 ? c : size.div(c, groups), inner],
      }
    const extent = [extentOf(attrs, x, weight, 0), extentOf(attrs, x, weight, 1)] as const
    const wrong = extent.find(e => typeof e === 'object')
    return wrong ?? [...x.slice(0, -3), o, ...(extent as readonly Dim[])]
  },
  sample: (draw, { groups, before, after, dilation, inputDilation }) => {
    const inner = draw.int(1, 3)
    const window = [draw.int(1, 3), draw.int(1, 3)]
    const side = (k: 0 | 1): number => {
      const least = (window[k]! - 1) * dilation[k] + 1 - before[k] - after[k]
      return Math.max(1, Math.ceil((least - 1) / inputDilation[k]) + 1) + draw.int(0, 3)
    }
    const leading = Array.from({ length: draw.int(0, 2) }, () => draw.int(1, 2))
    return [
      [...leading, groups * inner, side(0), side(1)],
      [groups * draw.int(1, 2), inner, ...window],
    ]
  },
}

const reference: Reference<ConvolveAttrs> = ([x, weight], { attrs, shape }) => {
  const { stride, dilation, inputDilation, groups, before } = attrs
  const [o, inner, p, q] = weight!.shape as [number, number, number, number]
  const [h, w] = x!.shape.slice(-2) as [number, number]
  const [rows, columns] = shape.slice(-2) as [number, number]
  const batch = shape.slice(0, -3).reduce((a, b) => a * b, 1)
  const y = new Float64Array(batch * o * rows * columns)
  /** the row (or column) of x that a tap of the window meets, or -1 */
  const meet = (at: number, tap: number, side: 0 | 1, length: number): number => {
    const position = at * stride[side] + tap * dilation[side] - before[side]
    const inside = position >= 0 && position % inputDilation[side] === 0 && position / inputDilation[side] < length
    return inside ? position / inputDilation[side] : -1
  }
  const [xStrides, wStrides] = [stridesOf([batch, groups * inner, h, w]), stridesOf(weight!.shape)]
  let at = 0
  for (let b = 0; b < batch; b++)
    for (let m = 0; m < o; m++) {
      const first = Math.floor(m / (o / groups)) * inner
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < columns; column++, at++) {
          let total = 0
          for (let u = 0; u < p; u++) {
            const r = meet(row, u, 0, h)
            if (r < 0) continue
            for (let v = 0; v < q; v++) {
              const c = meet(column, v, 1, w)
              if (c < 0) continue
              const from = b * xStrides[0]! + first * xStrides[1]! + r * xStrides[2]! + c
              const tap = m * wStrides[0]! + u * wStrides[2]! + v
              for (let i = 0; i < inner; i++)
                total += x!.data[from + i * xStrides[1]!]! * weight!.data[tap + i * wStrides[1]!]!
            }
          }
          y[at] = total
        }
    }
  return y
}

/** Do windows stand side by side and cover x, so that every row of it meets one tap of one window? */
const covers = (attrs: ConvolveAttrs, x: Shape, weight: Shape): boolean => {
  const { stride, dilation, inputDilation, before, after, extent } = attrs
  if (extent !== undefined || [...dilation, ...inputDilation].some(n => n !== 1)) return false
  return ([0, 1] as const).every(
    side =>
      before[side] === 0 &&
      after[side] === 0 &&
      stride[side] === weight[side + 2] &&
      size.mul(stride[side], size.floorDiv(x.at(side - 2)!, stride[side])) === x.at(side - 2),
  )
}
/** Then x is patches that do not overlap, and the result one product of each with the window: so are the gradients. */
const gradientOfPatches: Gradient<ConvolveAttrs> = (dy, { inputs: [x, weight], attrs: { groups: g, stride } }) => {
  const [move, product] = [loosely(rearrange), loosely(einsum)]
  const s = (x!.shape as Shape).slice(0, -3).map((_, k) => `s${k}`)
  const axes = { g, p: stride[0], q: stride[1] }
  const [whole, apart] = [`${s.join(' ')} (g i) (y p) (x q)`, `${s.join(' ')} g i y p x q`]
  const patches = move(`${whole} -> ${apart}`, axes)(x!)
  const windows = move('(g o) i p q -> g o i p q', { g })(weight!)
  const results = `${s.join(' ')} g o y x`
  const dResults = move(`${s.join(' ')} (g o) y x -> ${results}`, { g })(dy)
  const dPatches = product(`${results}, g o i p q -> ${apart}`)(dResults, windows)
  const dWindows = product(`${results}, ${apart} -> g o i p q`)(dResults, patches)
  return [move(`${apart} -> ${whole}`)(dPatches), move('g o i p q -> (g o) i p q')(dWindows)]
}
/**
 * Both are convolutions again. For x, the rows of the cotangent are pulled apart by the stride and met in the other direction: p stride =
 * h inputDilation - u dilation + before. For the window, x meets the cotangent as a window whose taps are a stride apart; what was the
 * batch is summed over, so it takes the place of the channels.
 */
const gradient: Gradient<ConvolveAttrs> = (dy, node) => {
  const [x, weight] = node.inputs
  const { attrs } = node
  if (covers(attrs, x!.shape as Shape, weight!.shape as Shape)) return gradientOfPatches(dy, node)
  const { stride, dilation, inputDilation, groups, before } = attrs
  const pair = (f: (side: 0 | 1) => number): Pair<number> => [f(0), f(1)]
  const move = loosely(rearrange)
  const dx = convolveTo({
    stride: pair(k => Math.sign(stride[k]) * inputDilation[k]),
    dilation: pair(k => -Math.sign(stride[k]) * dilation[k]),
    inputDilation: pair(k => Math.abs(stride[k])),
    groups,
    before: pair(k => -Math.sign(stride[k]) * before[k]),
    extent: x!.shape.slice(-2) as Pair<Dim>,
  })(dy, move('(g o) i p q -> (g i) o p q', { g: groups })(weight!))
  const s = (x!.shape as Shape).slice(0, -3).map((_, k) => `s${k}`)
  const channelsFirst = move(`${s.join(' ')} (g i) h w -> i (g ${s.join(' ')}) h w`, { g: groups })(x!)
  const asWindow = move(`${s.join(' ')} o y x -> o ${s.length === 0 ? '1' : `(${s.join(' ')})`} y x`)(dy)
  const dWeight = convolveTo({
    stride: dilation,
    dilation: stride,
    inputDilation,
    groups,
    before,
    extent: weight!.shape.slice(2) as Pair<Dim>,
  })(channelsFirst, asWindow)
  return [dx, move('i o p q -> o i p q')(dWeight)]
}

/** from + x steps, without a negative factor */
const moved = (from: Expr, x: Expr, steps: number): Expr =>
  steps < 0 ? minus(from, times(x, -steps)) : plus(from, times(x, steps))
const form = ({ attrs, shapes, shape }: FormInputs<ConvolveAttrs>): Contract => {
  const [x, weight] = shapes as [Shape, Shape]
  const { stride, dilation, inputDilation, groups, before, after, extent } = attrs
  const [o, inner, ...window] = weight as [Dim, Dim, Dim, Dim]
  const outputs = size.div(o, groups)
  const group = (batch: readonly Expr[]): Expr => batch[0] ?? literal(0, 'index')
  /** the row or column of x that a tap meets, and whether there is one; undefined where there always is */
  const meet = (at: Expr, tap: Expr, side: 0 | 1): { readonly at: Expr; readonly inside: Expr | undefined } => {
    const apart = inputDilation[side]
    const position = moved(
      moved(moved(literal(0, 'index'), at, stride[side]), tap, dilation[side]),
      literal(1, 'index'),
      -before[side],
    )
    const whole = over(position, apart)
    if (apart === 1 && extent === undefined && before[side] <= 0 && after[side] <= 0)
      return { at: whole, inside: undefined }
    const within = and(compare(position, '>=', 0), compare(whole, '<', sizeOf(x.at(side - 2)!)))
    return { at: whole, inside: apart === 1 ? within : and(within, compare(modulo(position, apart), '==', 0)) }
  }
  return {
    form: 'contract',
    batch: groups === 1 ? [] : [groups],
    m: [outputs],
    n: [...x.slice(0, -3), ...shape.slice(-2)],
    k: [inner, ...window],
    a: (load, batch, [m], k) => load(1, [plus(times(group(batch), sizeOf(outputs)), m!), ...k]),
    b: (load, batch, n, [i, u, v]) => {
      const [rows, columns] = [meet(n.at(-2)!, u!, 0), meet(n.at(-1)!, v!, 1)]
      const value = load(0, [...n.slice(0, -2), plus(times(group(batch), sizeOf(inner)), i!), rows.at, columns.at])
      const inside = [rows.inside, columns.inside].filter(e => e !== undefined)
      return inside.length === 0 ? value : select(inside.reduce(and), value, literal(0))
    },
    place: (batch, [m], n) => [...n.slice(0, -2), plus(times(group(batch), sizeOf(outputs)), m!), ...n.slice(-2)],
  }
}

/**
 * Cross-correlation of [..., C, H, W] with a window [O, C / groups, p, q] -> [..., O, H', W']: with zeros around (padding), taps and
 * rows of x apart (dilation, inputDilation), and channels in groups. H' = floor(((H - 1) inputDilation + 1 + before + after - (p - 1)
 * dilation - 1) / stride) + 1. Its gradients are convolutions too. Dumoulin & Visin, A guide to convolution arithmetic, 2016.
 */
export const convolve: Convolve = op('convolve', {
  args: convolutionAttrs,
  kinds: 'float, float -> float',
  source: 'Dumoulin & Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285',
  rule: convolutionRule,
  reference,
  form,
  gradient,
  flops: ([, weight], shape) => size.mul(2, size.mul(size.prod(shape), size.prod(weight!.slice(1)))),
  laws: { 'is linear in both': (f, x, w) => [f(scale(2)(x), scale(3)(w)), scale(6)(f(x, w))] },
  sampleAttrs: draw => {
    const pair = (low: number, high: number): Pair<number> => [draw.int(low, high), draw.int(low, high)]
    return attributes({
      stride: pair(1, 3),
      dilation: pair(1, 2),
      inputDilation: pair(1, 2),
      groups: draw.int(1, 3),
      before: pair(-1, 2),
      after: pair(-1, 2),
    })
  },
})
/** The same op by its attributes, for its gradients: they know the size of their result. */
const convolveTo = (given: Partial<ConvolveAttrs>): ((x: Loose, weight: Loose) => Loose) => {
  const { applyTo } = opOf(convolve)
  return (x, weight) => asTensor(applyTo(attributes(given), [x, weight]))
}
