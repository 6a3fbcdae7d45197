/**
 * Convolutions whose windows lie side by side: patch embeddings, stems, down-sampling. They are `conv2d` with a stride as
 * long as the window, under a type that code generic in height and width can use: tsc cannot prove that a window fits an
 * unknown height, so here the build alone checks it.
 */
import type { Conv, Dim, Shape, Tensor } from '../lib/index.ts'
import { conv2d } from '../ops/layers/index.ts'

export interface TileOptions<O extends Dim, K extends number> {
  readonly out: O
  readonly kernel: K
  readonly bias?: boolean
}
/** [..., C, H, W] -> [..., O, H / kernel, W / kernel], rounded down. Parameters `name.weight` [O, C, kernel, kernel], `name.bias` [O]. */
export const tiles = <const O extends Dim, const K extends number>(
  name: string,
  { out, kernel, bias = true }: TileOptions<O, K>,
): (<S extends Shape, C extends Dim, H extends Dim, W extends Dim>(
  x: Tensor<[...S, C, H, W]>,
) => Tensor<[...S, O, Conv<H, K, K>, Conv<W, K, K>]>) => conv2d(name, { out, kernel, stride: kernel, bias }) as never
