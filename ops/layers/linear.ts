import {
  loosely,
  param,
  scope,
  type AnyTensor,
  type Dim,
  type Init,
  type Loose,
  type Shape,
  type Tensor,
} from '../../lib/index.ts'
import { add } from '../add.ts'
import { einsum } from '../einsum.ts'
import { weightWidth } from './weight-width.ts'

export interface LinearOptions {
  /** with a bias, unless false */
  readonly bias?: boolean
  /** initial weight; torch's (`kaiming`) unless said */
  readonly init?: Init
  /** initial bias; torch's, uniform within 1/sqrt(inputs), unless said */
  readonly biasInit?: Init
}
interface Linear {
  <const O extends Dim>(
    name: string,
    out: O,
    options?: LinearOptions & { readonly from?: undefined },
  ): <S extends Shape, I extends Dim>(x: Tensor<[...S, I]>) => Tensor<[...S, O]>
  <const O extends Dim, const I extends Dim>(
    name: string,
    out: O,
    options: LinearOptions & { readonly from: I },
  ): <S extends Shape>(x: Tensor<[...S, I]>) => Tensor<[...S, O]>
}

/** Where torch's layers start their bias: uniform within 1/sqrt(fanIn). */
export const biasOf = (fanIn: number): Init => ({ init: 'uniform', bound: fanIn === 0 ? 0 : 1 / Math.sqrt(fanIn) })

/**
 * x weight^T + bias: [...S, I] -> [...S, O]. Parameters `name.weight` [O, I] and `name.bias` [O]. The input width follows from x;
 * `from` is a check of it, for tsc and for the build.
 */
export const linear: Linear = ((
  name: string,
  out: number,
  { bias = true, from, init, biasInit }: LinearOptions & { readonly from?: Dim } = {},
) => {
  const layer = scope(name, (x: AnyTensor): Loose => {
    const width = weightWidth('linear', '', x, -1, from)
    const y = loosely(einsum)('...s i, o i -> ...s o')(x, param('weight', [out, width], init))
    return bias ? add(y, param('bias', [out], biasInit ?? biasOf(width))) : y
  })
  return layer
}) as Linear
