import {
  op,
  plus,
  size,
  sizeOf,
  stridesOf,
  positionOf,
  tabulate,
  times,
  type Dim,
  type Refusal,
  type Rule,
  type Shape,
  type Sub,
  type Tensor,
} from '../lib/index.ts'
import { axisFromFront, wrongAxis } from './axes.ts'
import { padOrCrop } from './pad-or-crop.ts'

/** Indices start, start + step, … below stop of one axis. A negative number counts from the end; a size may be named. */
export interface Slice {
  readonly axis: number
  readonly start?: Dim
  readonly stop?: Dim
  readonly step?: number
}
interface Attrs {
  readonly slices: readonly Slice[]
}
interface Cut {
  readonly start: Dim
  readonly stop: Dim
  readonly step: number
  readonly length: Dim
}

const fromEnd = (at: Dim, length: Dim): Dim => (typeof at === 'number' && at < 0 ? size.sub(length, -at) : at)
const cutOf = (slice: Slice | undefined, length: Dim): Cut => {
  const { start = 0, stop = length, step = 1 } = slice ?? {}
  const [from, to] = [fromEnd(start, length), fromEnd(stop, length)]
  return { start: from, stop: to, step, length: size.floorDiv(size.add(size.sub(to, from), step - 1), step) }
}
const cutsOf = ({ slices }: Attrs, shape: Shape): readonly Cut[] =>
  shape.map((d, k) =>
    cutOf(
      slices.find(s => axisFromFront(s.axis, shape.length) === k),
      d,
    ),
  )
const wrongCut = ({ axis, step = 1, ...given }: Slice, shape: Shape): Refusal | undefined => {
  const length = shape[axisFromFront(axis, shape.length)]!
  const at = { inputs: [0], axis }
  if (!Number.isInteger(step) || step < 1)
    return { ...at, why: `axis ${axis}: a step is at least 1, not ${step}`, sizes: [step] }
  const { start, stop } = cutOf({ axis, ...given }, length)
  const say = (d: Dim): string => (size.isError(d) ? d.slice(2) : String(d))
  if (size.isError(start) || size.isError(size.sub(length, start)) || size.isError(stop))
    return {
      ...at,
      why: `axis ${axis} is ${length}, and ${size.isError(stop) ? `stop ${given.stop}` : `start ${given.start}`} lies outside it`,
      sizes: [length, (size.isError(stop) ? given.stop : given.start) ?? 0],
    }
  if (size.isError(size.sub(length, stop)))
    return { ...at, why: `axis ${axis} is ${length}, and stop ${say(stop)} is beyond it`, sizes: [length, stop] }
  if (size.isError(size.sub(stop, start)))
    return { ...at, why: `axis ${axis}: start ${say(start)} is after stop ${say(stop)}`, sizes: [start, stop] }
  return undefined
}

const rule: Rule<Attrs> = {
  sentence: ({ slices }) =>
    slices
      .map(
        ({ axis, start = '', stop = '', step = 1 }) => `axis ${axis}: ${start}:${stop}${step === 1 ? '' : `:${step}`}`,
      )
      .join(', '),
  infer: ([x = []], attrs) =>
    wrongAxis(
      attrs.slices.map(s => s.axis),
      x,
    ) ??
    attrs.slices.map(s => wrongCut(s, x)).find(r => r !== undefined) ??
    cutsOf(attrs, x).map(c => c.length),
  sample: (draw, { slices }) => {
    const rank = draw.int(Math.max(1, ...slices.map(({ axis }) => (axis < 0 ? -axis : axis + 1))), 3)
    const shape = Array.from({ length: rank }, draw.size)
    for (const { axis, start = 0, stop = 0 } of slices) {
      const at = axisFromFront(axis, rank)
      const need = Math.max(Math.abs(Number(start)), Math.abs(Number(stop)), Number(start) - Math.min(0, Number(stop)))
      shape[at] = need + draw.int(0, 3)
    }
    return [shape]
  },
}

/**
 * Part of a tensor: `slice({ axis: 1, start: 1 })`, `slice({ axis: 0, start: 0, stop: 8, step: 2 }, { axis: -1, stop: -1 })`. Axes not
 * named stay whole. 0 <= start <= stop <= length and step >= 1, after counting negative numbers from the end; on a named length a number
 * is taken to fit.
 */
export const slice: (...slices: readonly Slice[]) => <S extends Shape>(x: Tensor<S>) => Tensor<Shape> = op('slice', {
  args: (...slices: readonly Slice[]): Attrs => ({ slices }),
  kinds: 'a -> a',
  rule,
  reference: ([x], { attrs, shape, size: number }) => {
    const strides = stridesOf(x!.shape)
    const slices = attrs.slices.map(s => ({
      ...s,
      ...(s.start === undefined ? {} : { start: number(s.start) }),
      ...(s.stop === undefined ? {} : { stop: number(s.stop) }),
    }))
    const cuts = cutsOf({ slices }, x!.shape)
    const from = positionOf(
      cuts.map(c => Number(c.start)),
      strides,
    )
    const steps = strides.map((s, k) => s * cuts[k]!.step)
    return tabulate(shape, index => x!.data[from + positionOf(index, steps)]!)
  },
  form: ({ attrs, shapes: [x] }) => {
    const cuts = cutsOf(attrs, x!)
    return {
      form: 'each',
      value: (load, index) =>
        load(
          0,
          index.map((i, k) => plus(times(i, cuts[k]!.step), sizeOf(cuts[k]!.start))),
        ),
    }
  },
  gradient: (dy, { inputs: [x], attrs }) => {
    const shape = x!.shape as Shape
    const cuts = cutsOf(attrs, shape)
    const after = cuts.map(({ start, stop, step, length }, k) => {
      if (step === 1) return size.sub(shape[k]!, stop)
      const spread = length === 0 ? 0 : size.add(size.mul(size.sub(length, 1), step), 1)
      return size.sub(shape[k]!, size.add(start, spread))
    })
    return [
      padOrCrop(
        cuts.map(c => c.start),
        after,
        { interior: cuts.map(c => c.step - 1) },
      )(dy),
    ]
  },
  flops: () => 0,
  sampleAttrs: draw =>
    draw.pick<Attrs>([
      { slices: [{ axis: 0, start: 1 }] },
      { slices: [{ axis: -1, start: 1, stop: 4, step: 2 }] },
      { slices: [{ axis: 0, stop: -1 }] },
      {
        slices: [
          { axis: 1, start: -2 },
          { axis: 0, start: 0, stop: 2 },
        ],
      },
    ]),
})

type AtLeast<N extends Dim, M extends number> = Sub<N, M> extends infer Q ? (Q extends `✗ ${string}` ? Q : N) : never
type Cutting<F extends number, T extends number | undefined, N extends Dim> = T extends number ? Sub<T, F> : Sub<N, F>

/** Rows [from, to) of the first axis; `to` left out means up to the end. rows(1) drops a class token. */
export const rows: <const F extends number, const T extends number | undefined = undefined>(
  from: F,
  to?: T,
) => <N extends Dim, R extends Shape>(
  x: Tensor<[AtLeast<N, T extends number ? T : F>, ...R]>,
) => Tensor<[Cutting<F, T, N>, ...R]> = (from: number, to?: number) => slice(cut(0, from, to)) as never
/** Columns [from, to) of the last axis; `to` left out means up to the end. */
export const columns: <const F extends number, const T extends number | undefined = undefined>(
  from: F,
  to?: T,
) => <R extends Shape, N extends Dim>(
  x: Tensor<[...R, AtLeast<N, T extends number ? T : F>]>,
) => Tensor<[...R, Cutting<F, T, N>]> = (from: number, to?: number) => slice(cut(-1, from, to)) as never
const cut = (axis: number, start: number, stop: number | undefined): Slice =>
  stop === undefined ? { axis, start } : { axis, start, stop }
