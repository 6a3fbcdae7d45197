/**
 * Where a box lies, as numbers a model can read: its centre and size over those of the picture, and sines and cosines of
 * these. Source: PhoenixZ810/MG-LLaVA:mg_llava/dataset/utils.py (box_to_position_embedding, coordinate_to_encoding), after
 * Vaswani et al., Attention is all you need, 2017.
 */
import { loosely, pipe, table, type Loose, type Shape, type Tensor } from '../lib/index.ts'
import { concat, cos, einsum, rearrange, sin } from '../ops/index.ts'

/** Boxes [..., 4] as x1, y1, x2, y2 on a picture: [..., 4] as cx, cy, w, h, each over the picture's width or height. */
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
  return <S extends Shape>(boxes: Tensor<[...S, 4]>): Tensor<[...S, 4]> =>
    loosely(einsum)('...s i, i o -> ...s o')(boxes, corners)
}

export interface PositionEncoding {
  /** numbers that each of y, x, w, h becomes; even */
  readonly features: number
  readonly temperature?: number
}
/**
 * Positions [..., 4] as cx, cy, w, h: [..., features / 2, 8], in row k the sine and cosine of 2π p / temperature^(2k / features) of
 * p = cy, cx, w, h in this order.
 */
export const positionEncoding =
  ({ features, temperature = 10_000 }: PositionEncoding) =>
  <S extends Shape>(positions: Tensor<[...S, 4]>): Tensor<[...S, number, 8]> => {
    const pairs = features / 2
    const frequencies = Array.from({ length: pairs }, (_, k) => (2 * Math.PI) / temperature ** ((2 * k) / features))
    const order = table([0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], [4, 4])
    const turned = loosely(einsum)('...s p, p q -> ...s q')(positions, order)
    const angles = loosely(einsum)('...s q, k -> ...s k q')(turned, table(frequencies, [pairs]))
    const waves = (f: (x: Loose) => Loose) => loosely(rearrange)('...s k q -> ...s k q 1')(f(angles))
    const both = loosely(concat)(-1)(waves(sin), waves(cos))
    return pipe(both, loosely(rearrange)('...s k q t -> ...s k (q t)')) as Tensor<[...S, number, 8]>
  }
