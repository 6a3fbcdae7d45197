import {
  constant,
  fullName,
  hashText,
  type AnyTensor,
  type Index,
  type Loose,
  type Shape,
  type Tensor,
} from '../../lib/index.ts'
import { greaterEqual } from '../greater-equal.ts'
import { mul } from '../mul.ts'
import { random } from '../random.ts'
import { scale } from '../scale.ts'
import { toFloat } from '../cast.ts'

/** A layer that draws: the same seed [1] gives the same numbers, on every device. */
export type Drawing = <S extends Shape>(x: Tensor<S>, seed: Index<[1]>) => Tensor<S>

/** x where a number drawn for its place is `rate` or more, over 1 - rate; 0 elsewhere. */
const thinned = (name: string, rate: number, placesOf: (shape: Shape) => Shape): Drawing => {
  if (!(rate >= 0 && rate < 1)) throw new RangeError(`${name}: a rate of ${rate}, should be from 0 up to 1`)
  const stream = hashText(fullName(name))
  return ((x: AnyTensor, seed: Index<[1]>): AnyTensor => {
    if (rate === 0) return x
    const drawn = random(placesOf(x.shape), stream)(seed) as Loose
    const stays = toFloat(greaterEqual(drawn, constant(rate) as Loose) as AnyTensor as Loose) as Loose
    return mul(scale(1 / (1 - rate))(x as Loose) as Loose, stays)
  }) as Drawing
}

/**
 * Each number of x stays with the probability 1 - rate, and is then divided by it; the others are 0. For training alone: a model that
 * answers is built without. The name tells its numbers from those of other layers. Srivastava et al., Dropout, 2014.
 */
export const dropout = (name: string, rate: number): Drawing => thinned(name, rate, shape => shape)

/**
 * The same for whole samples, the indices of the first `batch` axes (one unless said): put before a residual sum it leaves out the layer.
 * Huang et al., Deep networks with stochastic depth, 2016.
 */
export const stochasticDepth = (name: string, rate: number, batch = 1): Drawing =>
  thinned(name, rate, shape => shape.map((d, axis) => (axis < batch ? d : 1)))
