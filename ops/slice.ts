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
import { axisFromFront, sameShape, wrongAxis } from './axes.ts'
import { unslice } from './unslice.ts'

/**
 * Indices start, start + step, … of one axis: those below stop, or as many as `count` says. A negative start or stop counts from the end;
 * all but the step may be named sizes.
 */
export interface Slice {
  readonly axis: number
  readonly start?: Dim
  readonly stop?: Dim
  readonly count?: Dim
  readonly step?: number
}
/** What is cut from which axes; all others stay whole. */
export interface SliceAttrs {
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
  const { start = 0, stop = length, step = 1, count } = slice ?? {}
  const from = fromEnd(start, length)
  const to = count === undefined ? fromEnd(stop, length) : behind(from, count, step)
  const counted = count ?? size.floorDiv(size.add(size.sub(to, from), step - 1), step)
  return { start: from, stop: to, step, length: counted }
}
/** The first index behind so many; of named sizes the start, which says nothing. */
const behind = (from: Dim, count: Dim, step: number): Dim => {
  if (step === 1) return size.add(from, count)
  if (typeof count !== 'number' || count === 0) return from
  return size.add(from, (count - 1) * step + 1)
}
/** What is cut from every axis. */
export const cutsOf = ({ slices }: SliceAttrs, shape: Shape): readonly Cut[] =>
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

const sentence = ({ axis, start = 0, stop = '', count, step = 1 }: Slice): string => {
  const extent = count === undefined ? `${start}:${stop}` : `${count} from ${start}`
  return `axis ${axis}: ${extent}${step === 1 ? '' : ` by ${step}`}`
}
export const sliceRule: Rule<SliceAttrs> = {
  sentence: ({ slices }) => slices.map(sentence).join(', '),
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
    for (const { axis, start = 0, stop = 0, count = 0, step = 1 } of slices) {
      const [from, to] = [Number(start), Number(stop)]
      const need = Math.max(Math.abs(from), Math.abs(to), from - Math.min(0, to), from + Number(count) * step)
      shape[axisFromFront(axis, rank)] = need + draw.int(0, 3)
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
  args: (...slices: readonly Slice[]): SliceAttrs => ({ slices }),
  kinds: 'a -> a',
  rule: sliceRule,
  reference: ([x], { attrs, shape, size: number }) => {
    const strides = stridesOf(x!.shape)
    const slices = attrs.slices.map(s => ({
      ...s,
      ...(s.start === undefined ? {} : { start: number(s.start) }),
      ...(s.stop === undefined ? {} : { stop: number(s.stop) }),
      ...(s.count === undefined ? {} : { count: number(s.count) }),
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
  gradient: (dy, { inputs: [x], attrs }) => [unslice(x!.shape, ...attrs.slices)(dy)],
  flops: () => 0,
  simplify: node => (sameShape(node.inputs[0]!.shape, node.shape) ? node.inputs[0] : undefined),
  sampleAttrs: draw =>
    draw.pick<SliceAttrs>([
      { slices: [{ axis: 0, start: 1 }] },
      { slices: [{ axis: -1, start: 1, stop: 4, step: 2 }] },
      { slices: [{ axis: 0, stop: -1 }] },
      { slices: [{ axis: 0, start: 1, count: 2, step: 3 }] },
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
