import {
  and,
  compare,
  isRefusal,
  literal,
  minus,
  modulo,
  op,
  over,
  plus,
  select,
  size,
  sizeOf,
  stridesOf,
  tabulate,
  times,
  type Dim,
  type Draw,
  type Expr,
  type Refusal,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { scale } from './scale.ts'
import { sub } from './sub.ts'
import { perSide, windowCount, type Pair, type PerSide } from './window.ts'

export interface WindowsOptions {
  readonly kernel: PerSide
  /** as the kernel unless said */
  readonly stride?: PerSide
  /** new elements on every side, 0 unless said */
  readonly padding?: PerSide
  /** value of the new elements, 0 unless said */
  readonly value?: number
}
export interface WindowAttrs {
  readonly kernel: Pair<number>
  readonly stride: Pair<number>
  readonly padding: Pair<number>
}
export const windowAttrs = ({ kernel, stride = kernel, padding = 0 }: WindowsOptions): WindowAttrs => ({
  kernel: perSide(kernel),
  stride: perSide(stride),
  padding: perSide(padding),
})
/** Rows and columns of windows over a map [..., H, W], or why there are none. */
export const windowExtent = (shape: Shape, { kernel, stride, padding }: WindowAttrs): readonly Dim[] | Refusal => {
  if (shape.length < 2)
    return { why: `a map has at least 2 axes, input 1 has ${shape.length}`, inputs: [0], sizes: [2, shape.length] }
  const counts = ([0, 1] as const).map(side =>
    windowCount({
      axis: side === 0 ? -2 : -1,
      length: shape.at(side - 2)!,
      window: kernel[side],
      stride: stride[side],
      padding: 2 * padding[side],
    }),
  )
  return counts.find(c => typeof c === 'object') ?? (counts as readonly Dim[])
}
export const sampleWindows = (draw: Draw): WindowAttrs => {
  const kernel: Pair<number> = [draw.int(1, 3), draw.int(1, 3)]
  return {
    kernel,
    stride: [draw.int(1, 3), draw.int(1, 3)],
    padding: [draw.int(0, kernel[0] >> 1), draw.int(0, kernel[1] >> 1)],
  }
}
/** The rule of pooling: [..., H, W] -> [..., H', W']. */
export const poolRule: Rule<WindowAttrs> = {
  sentence: ({ kernel }) => `...s h w -> ...s y x, windows of ${kernel.join(' x ')}`,
  infer: ([x = []], attrs) => {
    const extent = windowExtent(x, attrs)
    return isRefusal(extent) ? extent : [...x.slice(0, -2), ...extent]
  },
  sample: (draw, { kernel }) => [
    [...Array.from({ length: draw.int(0, 2) }, draw.size), kernel[0] + draw.int(0, 4), kernel[1] + draw.int(0, 4)],
  ],
}
/** The row or column under tap u of window p, which may lie outside the map. */
export const under = (attrs: WindowAttrs, side: 0 | 1, p: Expr, u: Expr): Expr =>
  minus(plus(times(p, attrs.stride[side]), u), attrs.padding[side])
/** Is a position on the axis? undefined where it always is. */
export const onAxis = (attrs: WindowAttrs, side: 0 | 1, at: Expr, length: Dim): Expr | undefined =>
  attrs.padding[side] === 0 ? undefined : and(compare(at, '>=', 0), compare(at, '<', sizeOf(length)))
/** A value where a position is on the map, another outside. */
export const orElse = (conditions: readonly (Expr | undefined)[], value: Expr, outside: number): Expr => {
  const real = conditions.filter(c => c !== undefined)
  return real.length === 0 ? value : select(real.reduce(and), value, literal(outside))
}

interface Attrs extends WindowAttrs {
  readonly value: number
}
type Windows = (
  options: WindowsOptions,
) => <S extends Shape, H extends Dim, W extends Dim>(
  x: Tensor<[...S, H, W]>,
) => Tensor<[...S, Dim, Dim, number, number]>

/**
 * All windows of a map: [..., H, W] -> [..., H', W', p, q], y[.., i, j, u, v] = x[.., i stride + u - padding, j stride + v - padding], and
 * `value` outside. What pooling is defined by; H' = floor((H + 2 padding - p) / stride) + 1.
 */
export const windows: Windows = op('windows', {
  args: ({ value = 0, ...options }: WindowsOptions): Attrs => ({ ...windowAttrs(options), value }),
  rule: {
    ...poolRule,
    infer: (shapes: readonly Shape[], attrs: Attrs) => {
      const shape = poolRule.infer(shapes, attrs)
      return isRefusal(shape) ? shape : [...shape, ...attrs.kernel]
    },
  } as Rule<Attrs>,
  reference: ([x], { attrs, shape }) => {
    const { stride, padding, value } = attrs
    const strides = stridesOf(x!.shape)
    const [h, w] = x!.shape.slice(-2) as [number, number]
    return tabulate(shape, index => {
      const [p, q, u, v] = index.slice(-4) as [number, number, number, number]
      const [row, column] = [p * stride[0] + u - padding[0], q * stride[1] + v - padding[1]]
      if (row < 0 || row >= h || column < 0 || column >= w) return value
      return x!.data[[...index.slice(0, -4), row, column].reduce((at, i, k) => at + i * strides[k]!, 0)]!
    })
  },
  form: ({ attrs, shapes: [x] }) => ({
    form: 'each',
    value: (load, index) => {
      const [p, q, u, v] = index.slice(-4) as [Expr, Expr, Expr, Expr]
      const [row, column] = [under(attrs, 0, p, u), under(attrs, 1, q, v)]
      const inside = [onAxis(attrs, 0, row, x!.at(-2)!), onAxis(attrs, 1, column, x!.at(-1)!)]
      return orElse(inside, load(0, [...index.slice(0, -4), row, column]), attrs.value)
    },
  }),
  gradient: (dy, { inputs: [x], attrs: { kernel, stride, padding } }) => [
    overlapAdd({ kernel, stride, padding }, x!.shape.slice(-2) as Pair<Dim>)(dy),
  ],
  flops: () => 0,
  laws: { 'equal steps of x are equal steps': (f, x) => [sub(f(scale(2)(x)), f(x)), sub(f(x), f(scale(0)(x)))] },
  sampleAttrs: draw => ({ ...sampleWindows(draw), value: draw.pick([0, 1.5]) }),
})

interface OverlapAttrs extends WindowAttrs {
  readonly extent: Pair<Dim>
}
/**
 * The adjoint of windows: every element of a map [..., H, W] is the sum of what the windows [..., H', W', p, q] hold for it. `extent` is
 * [H, W].
 */
export const overlapAdd: (
  options: WindowsOptions,
  extent: Pair<Dim>,
) => <S extends Shape>(x: Tensor<S>) => Tensor<Shape> = op('overlapAdd', {
  args: (options: WindowsOptions, extent: Pair<Dim>): OverlapAttrs => ({ ...windowAttrs(options), extent }),
  rule: {
    sentence: ({ extent }: OverlapAttrs) => `...s y x p q -> ...s ${extent.join(' ')}`,
    infer: ([x = []]: readonly Shape[], attrs: OverlapAttrs) => {
      const map = [...x.slice(0, -4), ...attrs.extent]
      const counts = windowExtent(map, attrs)
      if (isRefusal(counts)) return counts
      const wanted = [...counts, ...attrs.kernel]
      const wrong = wanted.findIndex((d, k) => d !== x.at(k - 4))
      if (x.length >= 4 && wrong < 0) return map
      return {
        why: `the windows of a map ${attrs.extent.join(' x ')} are [${wanted.join(', ')}], input 1 ends in [${x.slice(-4).join(', ')}]`,
        inputs: [0],
        axis: wrong - 4,
        sizes: [wanted[wrong] ?? 4, x.at(wrong - 4) ?? x.length],
      }
    },
    sample: (draw: Draw, attrs: OverlapAttrs) => {
      const counts = windowExtent(attrs.extent, attrs) as readonly number[]
      return [[...Array.from({ length: draw.int(0, 2) }, draw.size), ...counts, ...attrs.kernel]]
    },
  } as Rule<OverlapAttrs>,
  reference: ([x], { attrs, shape }) => {
    const { stride, padding } = attrs
    const [h, w] = shape.slice(-2) as [number, number]
    const out = new Float64Array(shape.reduce((a, b) => a * b, 1))
    const [rows, columns, p, q] = x!.shape.slice(-4) as [number, number, number, number]
    const each = rows * columns * p * q
    for (let at = 0; at < x!.data.length; at++) {
      const [map, within] = [Math.floor(at / each), at % each]
      const [i, rest] = [Math.floor(within / (columns * p * q)), within % (columns * p * q)]
      const [j, tap] = [Math.floor(rest / (p * q)), rest % (p * q)]
      const row = i * stride[0] + Math.floor(tap / q) - padding[0]
      const column = j * stride[1] + (tap % q) - padding[1]
      if (row < 0 || row >= h || column < 0 || column >= w) continue
      out[(map * h + row) * w + column]! += x!.data[at]!
    }
    return out
  },
  form: ({ attrs, shapes: [x], shape }) => {
    const { kernel, stride, padding } = attrs
    /** the window that holds row (or column) `at` under tap u, and whether there is one */
    const holder = (side: 0 | 1, at: Expr, u: Expr): { readonly window: Expr; readonly exists: Expr } => {
      const start = minus(plus(at, padding[side]), u)
      const window = over(start, stride[side])
      const on = and(compare(start, '>=', 0), compare(window, '<', sizeOf(x!.at(side - 4)!)))
      return { window, exists: stride[side] === 1 ? on : and(on, compare(modulo(start, stride[side]), '==', 0)) }
    }
    return {
      form: 'reduce',
      rows: shape,
      columns: kernel,
      passes: [
        {
          name: 'total',
          monoid: 'sum',
          value: (load, row, [u, v]) => {
            const [down, across] = [holder(0, row.at(-2)!, u!), holder(1, row.at(-1)!, v!)]
            const value = load(0, [...row.slice(0, -2), down.window, across.window, u!, v!])
            return select(and(down.exists, across.exists), value, literal(0))
          },
        },
      ],
      finish: { per: 'row', value: folded => folded('total') },
    }
  },
  gradient: (dy, { attrs: { kernel, stride, padding } }) => [windows({ kernel, stride, padding })(dy)],
  flops: ([x]) => size.prod(x!),
  sampleAttrs: (draw: Draw): OverlapAttrs => {
    const attrs = sampleWindows(draw)
    return { ...attrs, extent: [attrs.kernel[0] + draw.int(0, 4), attrs.kernel[1] + draw.int(0, 4)] }
  },
})
