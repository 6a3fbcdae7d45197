/** Small graphs that the tests of the interpreters share. */
import { flow, input, named, pipe, repeat, scope, type Dim, type Shape, type Tensor } from '../../lib/index.ts'
import { add, gelu, softmax } from '../../ops/index.ts'
import { linear } from '../../ops/layers/index.ts'

/** Two linear layers on named rows. */
export const classifier = () =>
  pipe(input('x', ['batch', 6]), linear('hidden', 4), gelu, named('activation'), linear('out', 3), softmax)

const layer = <S extends Shape, D extends Dim>(x: Tensor<[...S, D]>): Tensor<[...S, D]> => {
  const width = x.shape.at(-1) as D
  const inner = scope('mlp', flow(linear('fc1', 8), gelu, named('act'), linear('fc2', width)))(x)
  return add(x, inner as Tensor<[...S, D]>)
}
/** n residual layers of two linear layers each, and a head. */
export const tower = (n: number) =>
  pipe(input('tokens', ['text', 5]), scope('encoder', repeat('layers', n, layer)), linear('head', 2))
