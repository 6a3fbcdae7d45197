import {
  loosely,
  op,
  size,
  wgsl,
  type Dim,
  type Draw,
  type Expr,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { einsum } from './einsum.ts'
import { resampling, taps, type ResamplingMode, type Tap } from './resampling.ts'
import { shift } from './shift.ts'
import type { Pair } from './window.ts'

interface Attrs {
  readonly size: Pair<Dim>
  readonly mode: Exclude<ResamplingMode, 'mean'>
  readonly alignCorners: boolean
}
/** The rule of what resamples the last two axes to a size. */
export const resizeRule: Rule<{ readonly size: Pair<Dim> }> = {
  sentence: ({ size: to }) => `...s h w -> ...s ${to.join(' ')}`,
  infer: ([x = []], { size: to }) => {
    if (x.length < 2)
      return { why: `a map has at least 2 axes, input 1 has ${x.length}`, inputs: [0], sizes: [2, x.length] }
    const side = [0, 1].find(k => to[k] === 0 || x.at(k - 2) === 0)
    if (side !== undefined)
      return {
        why: `axis ${side - 2} is ${x.at(side - 2)} and should become ${to[side]}: no length may be 0`,
        inputs: [0],
        axis: side - 2,
        sizes: [x.at(side - 2)!, to[side]!],
      }
    return [...x.slice(0, -2), ...to]
  },
  sample: draw => [Array.from({ length: draw.int(2, 4) }, draw.size)],
}
type Interpolate = <const H2 extends Dim, const W2 extends Dim>(options: {
  readonly size: readonly [H2, W2]
  readonly mode?: Attrs['mode']
  readonly alignCorners?: boolean
}) => <S extends Shape, H extends Dim, W extends Dim>(x: Tensor<[...S, H, W]>) => Tensor<[...S, H2, W2]>

/**
 * Resizes maps [..., H, W] to `size` [H2, W2], without antialiasing: 'bilinear' unless said, 'nearest', or 'bicubic' (a = -0.75). As
 * torch's interpolate: pixels are squares, unless `alignCorners` keeps the centres of the corners in place.
 */
export const interpolate: Interpolate = op('interpolate', {
  args: ({ mode = 'bilinear', alignCorners = false, size: to }: Partial<Attrs> & Pick<Attrs, 'size'>): Attrs => ({
    size: to,
    mode,
    alignCorners,
  }),
  rule: resizeRule as Rule<Attrs>,
  meaning:
    ({ size: to, mode, alignCorners }: Attrs) =>
    x => {
      const along = (side: 0 | 1): Tensor<[Dim, Dim]> =>
        resampling({ from: (x.shape as Shape).at(side - 2)!, to: to[side], mode, alignCorners })
      const tall = loosely(einsum)('y h, ...s h w -> ...s y w')(along(0), x)
      return loosely(einsum)('...s y w, x w -> ...s y x')(tall, along(1))
    },
  form: ({ attrs: { size: to, mode, alignCorners }, shapes: [x] }) => ({
    form: 'each',
    value: (load, index) => {
      const along = (side: 0 | 1): readonly Tap[] =>
        taps({ from: x!.at(side - 2)!, to: to[side], mode, alignCorners }, index.at(side - 2)!)
      const weighted = (part: Tap, value: Expr): Expr => (mode === 'nearest' ? value : wgsl`${part.weight} * ${value}`)
      const sumOf = (parts: readonly Expr[]): Expr => parts.reduce((a, b) => wgsl`(${a} + ${b})`)
      const columns = along(1)
      return sumOf(
        along(0).map(row =>
          weighted(row, sumOf(columns.map(c => weighted(c, load(0, [...index.slice(0, -2), row.at, c.at]))))),
        ),
      )
    },
  }),
  flops: (_, shape, { mode }) => size.mul(size.prod(shape), { nearest: 0, bilinear: 8, bicubic: 40 }[mode]),
  laws: { 'a constant comes out': (f, x) => [f(shift(3)(x)), shift(3)(f(x))] },
  sampleAttrs: (draw: Draw): Attrs => ({
    size: [draw.int(1, 7), draw.int(1, 7)],
    mode: draw.pick(['nearest', 'bilinear', 'bicubic']),
    alignCorners: draw.pick([false, true]),
  }),
})
