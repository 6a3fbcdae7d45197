/**
 * Where a box lies, as numbers a model can read: its centre and size over those of the picture, and sines and cosines of
 * these. Source: PhoenixZ810/MG-LLaVA:mg_llava/dataset/utils.py (box_to_position_embedding, coordinate_to_encoding), after
 * Vaswani et al., Attention is all you need, 2017.
 */
import { loosely, pipe, table, type Dim, type Loose, type Tensor } from '../lib/index.ts'
import { concat, cos, einsum, rearrange, sin } from '../ops/index.ts'

/** Boxes [N, 4] as x1, y1, x2, y2 on a picture: [N, 4] as cx, cy, w, h, each over the picture's width or height. */
export const boxPositions = (width: number, height: number) => {
  const [w, h] = [1 / width, 1 / height]
  const [x1, y1] = [
    [w / 2, 0, -w, 0],
    [0, h / 2, 0, -h],
  ]
  const [x2, y2] = [
    [w / 2, 0, w, 0],
    [0, h / 2, 0, h],
  ]
  const corners = table([x1, y1, x2, y2].flat() as number[], [4, 4])
  return <N extends Dim>(boxes: Tensor<[N, 4]>): Tensor<[N, 4]> => loosely(einsum)('n i, i o -> n o')(boxes, corners)
}

export interface PositionEncoding {
  /** numbers that each of y, x, w, h becomes; even */
  readonly features: number
  readonly temperature?: number
}
/**
 * Positions [N, 4] as cx, cy, w, h: [N, features / 2, 8], in row k the sine and cosine of 2π p / temperature^(2k / features) of
 * p = cy, cx, w, h in this order.
 */
export const positionEncoding =
  ({ features, temperature = 10_000 }: PositionEncoding) =>
  <N extends Dim>(positions: Tensor<[N, 4]>): Tensor<[N, number, 8]> => {
    const pairs = features / 2
    const frequencies = Array.from({ length: pairs }, (_, k) => (2 * Math.PI) / temperature ** ((2 * k) / features))
    const order = table([0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], [4, 4])
    const turned = loosely(einsum)('n p, p q -> n q')(positions, order)
    const angles = loosely(einsum)('n q, k -> n k q')(turned, table(frequencies, [pairs]))
    const waves = (f: (x: Loose) => Loose) => loosely(rearrange)('n k q -> n k q 1')(f(angles))
    const both = loosely(concat)(-1)(waves(sin), waves(cos))
    return pipe(both, loosely(rearrange)('n k q s -> n k (q s)')) as Tensor<[N, number, 8]>
  }
