/**
 * Grids of other sizes: tables of positions made for one grid and used on another, and maps of one tower brought onto the
 * grid of the other.
 */
import { loosely, pipe, type AnyTensor, type Dim, type Loose } from '../lib/index.ts'
import { avgPool2d, interpolate, rearrange } from '../ops/index.ts'

export type Grid = readonly [rows: Dim, columns: Dim]
/** How a map [..., H, W] gets another height and width. */
export type Resize = (size: Grid) => (map: Loose) => Loose

const bicubic: Resize = size => loosely(interpolate)({ size, mode: 'bicubic' })
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
