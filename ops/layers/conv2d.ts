import {
  param,
  scope,
  type AnyTensor,
  type Conv,
  type Dim,
  type Fits,
  type Init,
  type Loose,
  type Shape,
  type Tensor,
} from '../../lib/index.ts'
import { add } from '../add.ts'
import { convolve } from '../convolve.ts'
import { rearrange } from '../rearrange.ts'
import { biasOf } from './linear.ts'
import { weightWidth } from './weight-width.ts'

export interface Conv2dOptions<O extends Dim, K extends number, St extends number, P extends number | 'same'> {
  readonly out: O
  /** height and width of the window */
  readonly kernel: K
  readonly stride?: St
  /** zeros on every side; 'same' keeps height and width: odd kernel, stride 1 */
  readonly padding?: P
  /** groups of channels that do not see each other; as many as channels is a depthwise convolution */
  readonly groups?: number
  readonly bias?: boolean
  /** initial weight; torch's (`kaiming`) unless said */
  readonly init?: Init
  /** initial bias; torch's, uniform within 1/sqrt(inputs of one output), unless said */
  readonly biasInit?: Init
}
type Out<H extends Dim, K extends number, St extends number, P extends number | 'same'> = P extends number
  ? Conv<H, K, St, P>
  : H

/**
 * Cross-correlation of [..., C, H, W] with a learned window, plus bias: [..., O, H', W'] with H' = floor((H + 2 padding - kernel) /
 * stride) + 1. Parameters `name.weight` [O, C / groups, kernel, kernel] and `name.bias` [O]. The channels follow from x.
 */
export const conv2d = <
  const O extends Dim,
  const K extends number,
  const St extends number = 1,
  const P extends number | 'same' = 0,
>(
  name: string,
  options: Conv2dOptions<O, K, St, P>,
): (<S extends Shape, C extends Dim, H extends Dim, W extends Dim>(
  x: Tensor<[...S, C, Fits<H, K, P>, Fits<W, K, P>]>,
) => Tensor<[...S, O, Out<H, K, St, P>, Out<W, K, St, P>]>) => {
  const { out, kernel, stride = 1, padding = 0, groups = 1, bias = true, init, biasInit } = options
  if (padding === 'same' && (stride !== 1 || kernel % 2 === 0))
    throw new TypeError(
      `conv2d '${name}': padding 'same' needs stride 1 and an odd kernel, got ${stride} and ${kernel}`,
    )
  const side: number = padding === 'same' ? (kernel - 1) / 2 : (padding as number)
  return scope(name, (x: AnyTensor): Loose => {
    const width = weightWidth('conv2d', '', x, -3)
    const inner = Math.floor(width / groups)
    const weight = param('weight', [out, inner, kernel, kernel], init)
    const convolution = convolve({
      stride: [stride, stride],
      padding: [
        [side, side],
        [side, side],
      ],
      groups,
    })
    const y = convolution(x as Loose, weight as Loose) as Loose
    if (!bias) return y
    const shift = param('bias', [out], biasInit ?? biasOf(inner * kernel * kernel))
    return add(y, rearrange('c -> c 1 1')(shift) as Loose)
  }) as never
}
