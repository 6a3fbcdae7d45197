import {
  constant,
  constantIndex,
  loosely,
  op,
  signatureRule,
  type AnyTensor,
  type Dim,
  type Index,
  type Loose,
  type Shape,
  type Tensor,
  type Truth,
} from '../lib/index.ts'
import { greaterEqual } from './greater-equal.ts'
import { iota } from './iota.ts'
import { lessEqual } from './less-equal.ts'
import { reshape } from './reshape.ts'
import { sub } from './sub.ts'
import { where } from './where.ts'

interface Attrs {
  readonly diagonal: number
}
type Triangle = (
  diagonal?: number,
) => <S extends Shape, R extends Dim, C extends Dim>(x: Tensor<[...S, R, C]>) => Tensor<[...S, R, C]>

/** column - row of a matrix of this shape, as indices. */
const offsets = (shape: Shape): Index<Shape> => {
  const columns: AnyTensor = iota(shape.at(-1)!)
  const rows: AnyTensor = loosely(reshape)([shape.at(-2)!, 1])(iota(shape.at(-2)!))
  return sub(columns as Index<Shape>, rows as Index<Shape>)
}
const triangle = (name: string, keep: (offset: Index<Shape>, diagonal: Index<[]>) => Truth<Shape>): Triangle =>
  op(name, {
    args: (diagonal = 0): Attrs => ({ diagonal }),
    rule: signatureRule<Attrs>('...s r c -> ...s r c'),
    meaning:
      ({ diagonal }: Attrs) =>
      (x): Loose =>
        where(keep(offsets(x!.shape), constantIndex(diagonal)), x!, constant(0)),
    sampleAttrs: draw => ({ diagonal: draw.int(-2, 2) }),
    laws: { 'twice is once': (f, x) => [f(f(x)), f(x)] },
  })

/** The upper triangle of the last two axes: x where column - row >= diagonal (0), 0 elsewhere. */
export const triu: Triangle = triangle('triu', (offset, diagonal) => greaterEqual(offset, diagonal))
/** The lower triangle of the last two axes: x where column - row <= diagonal (0), 0 elsewhere. */
export const tril: Triangle = triangle('tril', (offset, diagonal) => lessEqual(offset, diagonal))
