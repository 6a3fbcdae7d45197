/**
 * LLaVA-UHD (Xu et al., LLaVA-UHD: an LMM perceiving any aspect ratio and high-resolution images, 2024): a picture is cut into slices about
 * as large as the pictures that CLIP was trained on; CLIP sees them one by one, and then the whole at such a size. Learned queries read as
 * many tokens of each of these, whatever its shape. Source: thunlp/LLaVA-UHD, version 1: llava/model/llava_arch.py.
 */
import { constantIndex, inputOf, loosely, named, scope, type Dim, type Loose, type Shape } from '../../lib/index.ts'
import { rearrange, slice } from '../../ops/index.ts'
import { clip } from '../clip.ts'
import { readBetween, type LlavaParts, type Logits } from '../mg-llava.ts'
import { regionResampler } from '../regions.ts'
import type { Slices } from './slices.ts'

export interface LlavaUhdParts extends Omit<LlavaParts, 'projector'> {
  /** along each side of a picture, and the heads they read with */
  readonly queries: number
  readonly queryHeads: number
  /** token ids put after a slice: within a row of slices, and at its end */
  readonly separators: readonly [column: number, row: number]
}

/**
 * Logits from `image` [3, height, width], the whole picture, from `detail`, its slices side by side, if there are any, and from ids. Tokens
 * are queries² of each slice, each with a separator, then those of the whole.
 */
export const llavaUhd = <const P extends LlavaUhdParts>(parts: P, { whole, slices }: Slices): Logits<P, Dim> => {
  const { clip: tower, queries: side, queryHeads: heads, separators } = parts
  const see = (image: Loose): Loose => {
    const [height, width] = (image.shape as Shape).slice(-2).map(length => Math.floor(Number(length) / tower.patch))
    const projector = regionResampler({ heads, side, grid: [height!, width!] })
    return scope('projector', projector(parts.llm.width))(clip(tower)(image as never) as Loose)
  }
  const overview = named('picture')(see(inputOf('image', [3, whole.height, whole.width]) as Loose))
  if (slices === undefined) return readBetween(parts)(overview)
  const { rows, columns, height, width } = slices
  const detail = inputOf('detail', [3, rows * height, columns * width])
  const cut = loosely(rearrange)('c (i h) (j w) -> (i j) c h w', { i: rows, j: columns })(detail)
  const seen = loosely(rearrange)('s n c -> (s n) c')(named('slices')(see(cut)))
  const segments = Array.from({ length: rows * columns }, (_, k) => [
    loosely(slice)({ axis: 0, start: k * side * side, count: side * side })(seen),
    constantIndex(separators[(k + 1) % columns === 0 ? 1 : 0], [1]),
  ])
  return readBetween(parts)(...segments.flat(), overview)
}
