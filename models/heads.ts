/**
 * What every transformer here does before and after attention: a projection cut into heads, and heads joined again. The
 * width of a head is a number of its own, since not every model has width / heads (and a product, unlike a quotient,
 * lets tsc follow code that is generic in both).
 */
import { loosely, pipe, size, type Dim, type Shape, type Tensor } from '../lib/index.ts'
import { rearrange } from '../ops/index.ts'
import { linear, type LinearOptions } from '../ops/layers/index.ts'

/** [..., heads, tokens, width] from [..., tokens, heads * width] */
export const splitHeads = <const H extends Dim, const D extends Dim>(
  heads: H,
  width: D,
): (<S extends Shape, N extends Dim, I extends Dim>(x: Tensor<[...S, N, I]>) => Tensor<[...S, H, N, D]>) =>
  loosely(rearrange)('...s n (h d) -> ...s h n d', { h: heads, d: width })

/** A linear layer whose outputs are heads: [..., tokens, I] -> [..., heads, tokens, width]. Parameter `name.weight` [heads * width, I]. */
export const toHeads =
  <const H extends Dim, const D extends Dim>(name: string, heads: H, width: D, options: LinearOptions = {}) =>
  <S extends Shape, N extends Dim, I extends Dim>(x: Tensor<[...S, N, I]>): Tensor<[...S, H, N, D]> =>
    pipe(x, linear(name, size.mul(heads, width), options), splitHeads(heads, width))

/** [..., heads, tokens, width] -> [..., tokens, heads * width] */
export const joinHeads = rearrange('...s h n d -> ...s n (h d)')
