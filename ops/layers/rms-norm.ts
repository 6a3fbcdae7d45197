import { param, scope, type AnyTensor, type Loose, type Shape, type Tensor } from '../../lib/index.ts'
import { rmsNormalize } from '../rms-normalize.ts'
import { weightWidth } from './weight-width.ts'

/**
 * Divides the last axis by the root of its mean square, then scales it: parameter `name.weight` (ones). Zhang & Sennrich, Root Mean
 * Square Layer Normalization, 2019.
 */
export const rmsNorm = (
  name: string,
  { eps = 1e-5 }: { readonly eps?: number } = {},
): (<S extends Shape>(x: Tensor<S>) => Tensor<S>) =>
  scope(name, (x: AnyTensor): Loose => {
    const weight = param('weight', [weightWidth('rmsNorm', '', x, -1)], { init: 'ones' })
    return rmsNormalize({ eps })(x as Loose, weight)
  }) as <S extends Shape>(x: Tensor<S>) => Tensor<S>
