import {
  isRefusal,
  loosely,
  op,
  size,
  type Dim,
  type Draw,
  type Loose,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { convolutionAttrs, convolutionRule, convolve, type ConvolveOptions } from './convolve.ts'
import { rearrange } from './rearrange.ts'
import type { Pair } from './window.ts'

export interface Convolve1dOptions {
  readonly stride?: number
  /** zeros [before, after] */
  readonly padding?: Pair<number>
  /** distance of the taps of the window */
  readonly dilation?: number
  /** groups of channels that do not see each other */
  readonly groups?: number
}
type Attrs = Required<Convolve1dOptions>
type Convolve1d = (
  options?: Convolve1dOptions,
) => <S extends Shape, C extends Dim, T extends Dim, O extends Dim, I extends Dim, P extends Dim>(
  x: Tensor<[...S, C, T]>,
  weight: Tensor<[O, I, P]>,
) => Tensor<[...S, O, Dim]>

/** one row of a picture */
const asRow = ({ stride, padding, dilation, groups }: Attrs): ConvolveOptions => ({
  stride: [1, stride],
  padding: [[0, 0], padding],
  dilation: [1, dilation],
  groups,
})
const withRow = (shape: Shape): Shape => [...shape.slice(0, -1), 1, ...shape.slice(-1)]
const rule: Rule<Attrs> = {
  sentence: () => '...s c t, o c p -> ...s o y',
  infer: (shapes, attrs) => {
    const shape = convolutionRule.infer(shapes.map(withRow), convolutionAttrs(asRow(attrs)))
    return isRefusal(shape) ? shape : [...shape.slice(0, -2), shape.at(-1)!]
  },
  sample: (draw, { padding, dilation, groups }) => {
    const [inner, window] = [draw.int(1, 3), draw.int(1, 3)]
    const least = Math.max(1, (window - 1) * dilation + 1 - padding[0] - padding[1])
    return [
      [...Array.from({ length: draw.int(0, 2) }, draw.size), groups * inner, least + draw.int(0, 4)],
      [groups * draw.int(1, 2), inner, window],
    ]
  },
}

/** Cross-correlation along one axis: [..., C, T], window [O, C / groups, p] -> [..., O, T']. The convolution of a picture of one row. */
export const convolve1d: Convolve1d = op('convolve1d', {
  args: ({ stride = 1, padding = [0, 0], dilation = 1, groups = 1 }: Convolve1dOptions = {}): Attrs => ({
    stride,
    padding,
    dilation,
    groups,
  }),
  kinds: 'float, float -> float',
  rule,
  meaning: attrs => (x, weight) => {
    const row = loosely(rearrange)('...s c t -> ...s c 1 t')
    const y = convolve(asRow(attrs))(row(x), row(weight) as Loose)
    return loosely(rearrange)('...s c 1 t -> ...s c t')(y)
  },
  flops: ([, weight], shape) => size.mul(2, size.mul(size.prod(shape), size.prod(weight!.slice(1)))),
  sampleAttrs: (draw: Draw): Attrs => ({
    stride: draw.int(1, 2),
    padding: [draw.int(0, 2), draw.int(0, 2)],
    dilation: draw.int(1, 2),
    groups: draw.int(1, 2),
  }),
})
