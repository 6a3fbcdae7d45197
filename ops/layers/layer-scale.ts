import { param, type AnyTensor, type Init, type Loose, type Shape, type Tensor } from '../../lib/index.ts'
import { mul } from '../mul.ts'
import { weightWidth } from './weight-width.ts'

/**
 * Scales the last axis by a parameter. `name` is the parameter's own name (`gamma`), since checkpoints have no `.weight` here.
 * Touvron et al., Going deeper with Image Transformers, 2021.
 */
export const layerScale = (
  name: string,
  { init = { init: 'constant', value: 1e-6 } }: { readonly init?: Init } = {},
): (<S extends Shape>(x: Tensor<S>) => Tensor<S>) =>
  ((x: AnyTensor): Loose => mul(x as Loose, param(name, [weightWidth('layerScale', name, x, -1)], init) as Loose)) as <
    S extends Shape,
  >(
    x: Tensor<S>,
  ) => Tensor<S>
