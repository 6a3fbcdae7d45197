/**
 * From a question's files to what the towers are shown: pixels in both sizes and boxes laid on the larger one, for a
 * picture, for every frame of a video, or nothing for a question about text alone.
 */
import { either as E, function as F, taskEither as TE } from 'fp-ts'
import { fileError, type Door, type SluiceError } from '../../lib/errors.ts'
import { value, type Value } from '../../lib/index.ts'
import { textThrough, type Folder } from '../../lib/weights/byte-source.ts'
import { keepAll, perCategory, placeBoxes, readBoxes, readVideoBoxes, type Detections } from '../boxes/index.ts'
import type { LoadedMgLlava } from '../load/index.ts'
import { exact, framePicture, mgPicture, pictureIn, type Decode, type Picture, type Views } from '../pictures/index.ts'

/** What models cannot do themselves: files, and the pixels of a picture file. */
export interface Host {
  /** where the files of a question are */
  readonly files: Folder
  readonly decode: Decode
}
/** A question about a picture, about a video (a list of frames), or about neither. Names of files are relative to the host's folder. */
export interface Question {
  readonly prompt: string
  readonly image?: string
  readonly video?: readonly string[]
  /** needed where the model reads boxes; a file of empty lists says that there are none */
  readonly boxes?: string
}
/** One picture or frame, as the model's inputs `image`, `detail` and `boxes` take it. */
export type Shot = Readonly<Record<'image', Value>> & Partial<Readonly<Record<'detail' | 'boxes', Value>>>

/** All that is shown for a question: one shot of a picture, one of each frame of a video, none without either. */
export const shotsOf =
  ({ files, decode }: Host, model: LoadedMgLlava) =>
  ({ image, video, boxes }: Question): Door<readonly Shot[]> => {
    const names = image === undefined ? (video ?? []) : [image]
    if (names.length === 0) return TE.right([])
    const padded = image !== undefined
    const needsBoxes = 'boxes' in model.parts
    if (needsBoxes && boxes === undefined)
      return TE.left(
        fileError('field', names[0]!, 'this model reads boxes: name a box file (one with empty lists says: no boxes)'),
      )
    const detections: Door<readonly (Detections | undefined)[]> = needsBoxes
      ? textThrough(files, boxes!, (text, file) => detectionsIn(text, file, padded, names.length))
      : TE.right(names.map(() => undefined))
    return F.pipe(
      TE.traverseArray((name: string) => pictureIn(files, decode, name))(names),
      TE.bindTo('pictures'),
      TE.bind('found', () => detections),
      TE.map(({ pictures, found }) => pictures.map((picture, i) => shotOf(model, picture, found[i], padded))),
    )
  }

const detectionsIn = (
  text: string,
  file: string,
  single: boolean,
  count: number,
): E.Either<SluiceError, readonly Detections[]> =>
  single ? E.map((one: Detections) => [one])(readBoxes(text, file)) : readVideoBoxes(text, file, count)

/** A picture, and what was found in it, as the towers are shown them; `padded` to a square, as pictures are and frames are not. */
export const shotOf = (
  model: Pick<LoadedMgLlava, 'wiring' | 'statistics'>,
  picture: Picture,
  found: Detections | undefined,
  padded: boolean,
): Shot => {
  const { image_size: size, low_size: low, box_threshold, box_limit } = model.wiring
  const { image, detail } = pixelsOf(model, picture, padded)
  const views = {
    image: value([3, low, low], image),
    ...(size === null ? {} : { detail: value([3, size, size], detail) }),
  }
  if (found === undefined || size === null) return views
  const limit = box_limit === null ? keepAll : perCategory(box_limit)
  const place = placeBoxes({ size, threshold: box_threshold, limit, pad: padded })
  const { boxes } = place(found, picture.width, picture.height)
  return { ...views, boxes: value([boxes.length / 4, 4], boxes) }
}

/** Pixels in both sizes. Frames of a video are not padded, and each size is made from the frame itself. */
const pixelsOf = (
  { wiring, statistics }: Pick<LoadedMgLlava, 'wiring' | 'statistics'>,
  picture: Picture,
  padded: boolean,
): { readonly image: Float32Array; readonly detail: Float32Array } => {
  const { low_size: low, image_size: aux = low } = wiring
  const norm = { mean: statistics.image_mean, std: statistics.image_std }
  if (!padded) {
    const frame = (size: number): Float32Array => framePicture({ size, ...norm })(picture)
    return { image: frame(low), detail: frame(aux ?? low) }
  }
  const views: Views = mgPicture({ aux: aux ?? low, low, coordinates: exact, ...norm })(picture)
  return { image: views.low, detail: views.aux }
}
