import { param, scope, type AnyTensor, type Loose, type Shape, type Tensor } from '../../lib/index.ts'
import { layerNormalize } from '../layer-normalize.ts'
import { weightWidth } from './weight-width.ts'

/** An op that keeps the shape of its input, of at least one axis. */
type Normalise = <S extends Shape>(x: Tensor<S>) => Tensor<S>
export interface LayerNormOptions {
  readonly eps?: number
  /** the axis that is normalised, from the end; -3 for the channels of [..., C, H, W] */
  readonly axis?: number
  /** with a bias, unless false */
  readonly bias?: boolean
}
/**
 * Normalises one axis (the last) to mean 0 and variance 1, then scales and shifts it: parameters `name.weight` (ones) and `name.bias`
 * (zeros). Ba et al., Layer Normalization, 2016.
 */
export const layerNorm = (name: string, { eps = 1e-5, axis = -1, bias = true }: LayerNormOptions = {}): Normalise =>
  scope(name, (x: AnyTensor): Loose => {
    const width = weightWidth('layerNorm', '', x, axis)
    const weight = param('weight', [width], { init: 'ones' })
    const shift = bias ? param('bias', [width], { init: 'zeros' }) : undefined
    return layerNormalize({ axis, eps })(x as Loose, weight, shift)
  }) as Normalise
