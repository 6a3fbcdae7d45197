/**
 * How LLaVA-UHD cuts a picture: into as many slices, of such a shape, that each has about the area and shape of the pictures that CLIP was
 * trained on. Source: thunlp/LLaVA-UHD, version 1: llava/slice_process.py.
 */
import { nearestShape } from '../grid.ts'
import { clipMean, clipStd, normalise, resizePil, type Picture } from '../pictures/index.ts'

type Size = Pick<Picture, 'width' | 'height'>
/** Sizes of what CLIP sees, all multiples of its patch. */
export interface Slices {
  readonly whole: Size
  /** one slice, and how many there are; none of a small picture */
  readonly slices?: Size & { readonly rows: number; readonly columns: number }
}
/** The side of the pictures that CLIP was trained on, its patch, and how many slices there may be. */
export type SliceOptions = Readonly<Record<'scale' | 'patch' | 'most', number>>

const multiple = (of: number, length: number) => Math.max(Math.floor(length / of) * of, of)
/** About scale² pixels in this shape; fewer if that would enlarge, unless it may. */
const fitted = ({ scale, patch }: SliceOptions, { width, height }: Size, enlarge: boolean): Size => {
  const change = enlarge || width * height > scale * scale
  const tall = change ? Math.trunc(scale / Math.sqrt(width / height)) : height
  const wide = change ? Math.trunc(tall * (width / height)) : width
  return { width: multiple(patch, wide), height: multiple(patch, tall) }
}
/** Sizes of what is seen of a picture. */
export const slicesOf = (options: SliceOptions, { width, height }: Size): Slices => {
  const count = Math.min(Math.ceil((width * height) / options.scale ** 2), options.most)
  if (count <= 1) return { whole: fitted(options, { width, height }, true) }
  const counts = [count - 1, count, count + 1].filter(n => n !== 1 && n <= options.most)
  const columnsOf = (n: number) => Array.from({ length: n }, (_, k) => k + 1).filter(columns => n % columns === 0)
  const grids = counts.flatMap(n => columnsOf(n).map(columns => [n / columns, columns] as const))
  const [rows, columns] = nearestShape(width / height, grids)
  const one = { width: multiple(columns, width) / columns, height: multiple(rows, height) / rows }
  const slices = { ...fitted(options, one, true), rows, columns }
  return { whole: fitted(options, { width, height }, false), slices }
}

/** A picture at these sizes, normalised as CLIP's: `image` the whole, `detail` its slices side by side, [3, height, width] each. */
export const slicedPicture = (picture: Picture, { whole, slices }: Slices) => {
  const at = ({ width, height }: Size) => normalise(clipMean, clipStd)(resizePil(picture, width, height, 'bicubic'))
  if (slices === undefined) return { image: at(whole) }
  const { rows, columns, width, height } = slices
  return { image: at(whole), detail: at({ width: columns * width, height: rows * height }) }
}
