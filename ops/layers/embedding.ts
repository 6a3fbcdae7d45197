import { param, scope, type Dim, type Index, type Init, type Loose, type Shape, type Tensor } from '../../lib/index.ts'
import { take } from '../take.ts'

/**
 * Rows of a table by index: [...S] -> [...S, D]. Parameter `name.weight` [vocab, D], standard normal at first as torch's. Indices of
 * `vocab` and more are the caller's error.
 */
export const embedding = <const D extends Dim>(
  name: string,
  vocab: number,
  width: D,
  { init = { init: 'normal', std: 1 } }: { readonly init?: Init } = {},
): (<S extends Shape>(ids: Index<S>) => Tensor<[...S, D]>) =>
  scope(name, (ids: Index<Shape>): Loose => take(0)(param('weight', [vocab, width], init) as Loose, ids as never)) as <
    S extends Shape,
  >(
    ids: Index<S>,
  ) => Tensor<[...S, D]>
