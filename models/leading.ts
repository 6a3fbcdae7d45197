/** Leading axes are those of a batch: what is learned once is the same for all of them. */
import { loosely, type AnyTensor, type Loose, type Shape } from '../lib/index.ts'
import { broadcastTo } from '../ops/index.ts'

/** x again for every index of these leading axes: [...leading, ...x]. */
export const forAll =
  (leading: Shape) =>
  (x: AnyTensor): Loose =>
    loosely(broadcastTo)(
      [...leading, ...x.shape],
      leading.map((_, axis) => axis),
    )(x)
