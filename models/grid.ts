/**
 * Grids of other sizes: tables of positions made for one grid and used on another, and maps of one tower brought onto the
 * grid of the other.
 */
import { loosely, pipe, table, type AnyTensor, type Dim, type Loose, type Tensor } from '../lib/index.ts'
import { avgPool2d, einsum, interpolate, rearrange } from '../ops/index.ts'

export type Grid = readonly [rows: Dim, columns: Dim]
type Places = readonly [rows: number, columns: number]
/** Of some grids the nearest in shape to a picture of such width over height, the first of equals. */
export const nearestShape = (ratio: number, grids: readonly Places[]): Places => {
  const apart = ([rows, columns]: Places) => Math.abs(Math.log(ratio) - Math.log(columns / rows))
  return grids.reduce((best, grid) => (apart(grid) < apart(best) ? grid : best))
}
/** How a map [..., H, W] gets another height and width. */
export type Resize = (size: Grid) => (map: Loose) => Loose

const bicubic: Resize = size => loosely(interpolate)({ size, mode: 'bicubic' })

/** The cubic kernel of Pillow, a = -0.5. */
const cubic = (d: number): number =>
  d < 1 ? (1.5 * d - 2.5) * d * d + 1 : d < 2 ? ((2.5 - 0.5 * d) * d - 4) * d + 2 : 0
const smoothAxis = (from: number, to: number): Tensor<[number, number]> => {
  const rows = Array.from({ length: to }, (_, i) => {
    const distance = (j: number) => Math.abs(j + 0.5 - ((i + 0.5) * from) / to) / Math.max(from / to, 1)
    const weights = Array.from({ length: from }, (_, j) => cubic(distance(j)))
    const total = weights.reduce((a, b) => a + b, 0)
    return weights.map(weight => weight / total)
  })
  return table(rows.flat(), [to, from])
}
/** Bicubic as Pillow has it, and torch where it is told to antialias: what lies outside has no weight. Of sizes that are numbers. */
export const smoothBicubic: Resize = size => map => {
  const along = (side: 0 | 1) => smoothAxis(Number(map.shape.at(side - 2)), Number(size[side]))
  const tall = loosely(einsum)('y h, ...s h w -> ...s y w')(along(0), map)
  return loosely(einsum)('...s y w, x w -> ...s y x')(tall, along(1))
}

const sameGrid = (a: Grid, b: Grid) => a[0] === b[0] && a[1] === b[1]

/** A row for every place of a grid, [rows · columns, C], for the places of another; bicubically unless said. */
export const resizeGrid =
  (from: Grid, to: Grid, resize = bicubic) =>
  (table: AnyTensor): Loose => {
    if (sameGrid(from, to)) return table as Loose
    const map = loosely(rearrange)('(h w) c -> c h w', { h: from[0] })(table)
    return pipe(resize(to)(map), loosely(rearrange)('c h w -> (h w) c'))
  }

/**
 * A map [..., H, W] on a grid: bilinear with corners in place where that is finer, means of windows where it is coarser. Source:
 * luogen1996/LLaVA-HR:llava_hr/model/multimodal_encoder/multipath_encoder_wapper.py (src2dst_align).
 */
export const ontoGrid =
  (grid: Grid) =>
  (map: AnyTensor): Loose => {
    const [height, width] = map.shape.slice(-2) as [Dim, Dim]
    if (sameGrid([height, width], grid)) return map as Loose
    if (Number(height) < Number(grid[0])) return loosely(interpolate)({ size: grid, alignCorners: true })(map)
    return loosely(avgPool2d)({ kernel: Number(height) / Number(grid[0]) })(map)
  }
