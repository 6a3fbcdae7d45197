import {
  and,
  compare,
  convert,
  literal,
  minus,
  modulo,
  op,
  over,
  plus,
  select,
  sizeOf,
  tabulate,
  times,
  wgsl,
  type Dim,
  type Expr,
  type Rule,
  type Tensor,
} from '../lib/index.ts'

export type ResamplingMode = 'nearest' | 'bilinear' | 'bicubic' | 'mean'
export interface ResamplingOptions {
  /** lengths of the axis before and after */
  readonly from: Dim
  readonly to: Dim
  /**
   * how a new element follows from the old ones: the nearest, the two or four around it (bicubic with a = -0.75), or, for `mean`, the
   * mean of those that its share of the axis touches
   */
  readonly mode: ResamplingMode
  /** are first and last elements kept in place, instead of the edges of the axis? */
  readonly alignCorners?: boolean
}
type Attrs = Required<ResamplingOptions>

/** An old element that a new one takes a part of. */
export interface Tap {
  readonly at: Expr
  readonly weight: Expr
}
const index = (n: number): Expr => literal(n, 'index')
const atLeast = (low: number, x: Expr): Expr => select(compare(x, '<', low), index(low), x)
const atMost = (high: Expr, x: Expr): Expr => select(compare(x, '>', high), high, x)
const asFloat = (x: Expr): Expr => convert(x, 'index', 'float')
/** cubic kernel at distances below 1, and from 1 to 2: Keys 1981 with a = -0.75 */
const near = (t: Expr): Expr => wgsl`((${1.25} * ${t} - ${2.25}) * ${t} * ${t} + ${1})`
const far = (t: Expr): Expr => wgsl`(((${-0.75} * ${t} + ${3.75}) * ${t} - ${6}) * ${t} + ${3})`

/**
 * The taps of new element i. Positions are fractions of whole numbers, n / d, so that where the taps are is exact at any size:
 * n / d = i (from - 1) / (to - 1) with corners aligned, else ((2 i + 1) from - to) / (2 to).
 */
export const taps = ({ from, to, mode, alignCorners }: Attrs, i: Expr): readonly Tap[] => {
  const [old, fresh] = [sizeOf(from), sizeOf(to)]
  const last = minus(old, 1)
  if (mode === 'nearest') return [{ at: over(times(i, old), fresh), weight: literal(1) }]
  const steps = typeof to === 'number' ? index(Math.max(1, to - 1)) : atLeast(1, minus(fresh, 1))
  const whole = alignCorners ? steps : times(fresh, 2)
  const part = alignCorners ? times(i, last) : minus(times(plus(times(i, 2), 1), old), fresh)
  const fraction = (position: Expr): Expr => wgsl`(${asFloat(modulo(position, whole))} / ${asFloat(whole)})`
  if (mode === 'bilinear') {
    const position = atMost(times(last, whole), atLeast(0, part))
    const [base, t] = [over(position, whole), fraction(position)]
    return [
      { at: base, weight: wgsl`(${1} - ${t})` },
      { at: atMost(last, plus(base, 1)), weight: t },
    ]
  }
  // one step up, since whole-number division rounds down only for numbers that are not negative
  const shifted = plus(part, whole)
  const [base, t] = [minus(over(shifted, whole), 1), fraction(shifted)]
  const rest = wgsl`(${1} - ${t})`
  const at = (step: number): Expr => atMost(last, atLeast(0, plus(base, step)))
  return [
    { at: at(-1), weight: far(wgsl`(${1} + ${t})`) },
    { at: at(0), weight: near(t) },
    { at: at(1), weight: near(rest) },
    { at: at(2), weight: far(wgsl`(${1} + ${rest})`) },
  ]
}
/** first old element of new element i's share of the axis, and the first after it */
const share = ({ from, to }: Attrs, i: Expr): readonly [Expr, Expr] => {
  const [old, fresh] = [sizeOf(from), sizeOf(to)]
  const end = plus(times(plus(i, 1), old), minus(fresh, 1))
  return [over(times(i, old), fresh), over(end, fresh)]
}

/** weights of all old elements for new element i, in plain numbers */
const weightsOf = (mode: ResamplingMode, alignCorners: boolean, from: number, to: number, i: number): Float64Array => {
  const weights = new Float64Array(from)
  const put = (at: number, weight: number): void => {
    weights[Math.min(Math.max(at, 0), from - 1)]! += weight
  }
  const position = alignCorners ? (to === 1 ? 0 : (i * (from - 1)) / (to - 1)) : ((2 * i + 1) * from - to) / (2 * to)
  if (mode === 'nearest') put(Math.floor((i * from) / to), 1)
  if (mode === 'mean') {
    const [start, end] = [Math.floor((i * from) / to), Math.ceil(((i + 1) * from) / to)]
    for (let at = start; at < end; at++) put(at, 1 / (end - start))
  }
  if (mode === 'bilinear') {
    const at = Math.min(Math.max(position, 0), from - 1)
    const base = Math.floor(at)
    put(base, 1 - (at - base))
    put(base + 1, at - base)
  }
  if (mode === 'bicubic') {
    const base = Math.floor(position)
    for (let step = -1; step <= 2; step++) {
      const d = Math.abs(position - base - step)
      const a = -0.75
      put(base + step, d <= 1 ? (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1 : a * (d ** 3 - 5 * d ** 2 + 8 * d - 4))
    }
  }
  return weights
}

const rule: Rule<Attrs> = {
  sentence: ({ from, to }) => `-> ${to} ${from}`,
  infer: (_, { from, to }) =>
    from === 0 || to === 0
      ? {
          why: `an axis of ${from} cannot become one of ${to}: no length may be 0`,
          axis: from === 0 ? 1 : 0,
          sizes: [0],
        }
      : [to, from],
  sample: () => [],
}
/** The op behind `resampling`: it has no inputs, so that it is called twice. */
export const resamplingOp: (options: ResamplingOptions) => () => Tensor<[Dim, Dim]> = op('resampling', {
  args: ({ alignCorners = false, ...options }: ResamplingOptions): Attrs => ({ ...options, alignCorners }),
  kinds: '-> float',
  rule,
  reference: (_, { attrs: { mode, alignCorners }, shape: [to, from] }) => {
    const rows = Array.from({ length: to! }, (_, i) => weightsOf(mode, alignCorners, from!, to!, i))
    return tabulate([to!, from!], ([i, j]) => rows[i!]![j!]!)
  },
  form: ({ attrs }) => ({
    form: 'each',
    value: (_, [i, j]) => {
      if (attrs.mode === 'mean') {
        const [start, end] = share(attrs, i!)
        const inside = and(compare(j!, '>=', start), compare(j!, '<', end))
        return select(inside, wgsl`(${1} / ${asFloat(minus(end, start))})`, literal(0))
      }
      const parts = taps(attrs, i!).map(({ at, weight }) => select(compare(j!, '==', at), weight, literal(0)))
      return parts.reduce((a, b) => wgsl`(${a} + ${b})`)
    },
  }),
  gradient: () => [],
  flops: () => 0,
  sampleAttrs: draw => ({
    from: draw.int(1, 9),
    to: draw.int(1, 9),
    mode: draw.pick(['nearest', 'bilinear', 'bicubic', 'mean']),
    alignCorners: draw.pick([false, true]),
  }),
})

/**
 * How one axis is resampled, as a matrix [to, from]: a map X becomes U_rows X U_columns^T. `interpolate` is defined by it, and what is
 * linear in a resampled map can be folded into it: (a^T U) X instead of a^T (U X).
 */
export const resampling = <const F extends Dim, const T extends Dim>(
  options: ResamplingOptions & { readonly from: F; readonly to: T },
): Tensor<[T, F]> => resamplingOp(options)() as never
