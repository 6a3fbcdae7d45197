/** Reading the world from a folder: `index.json` and its sheets, and photos with boxes for backgrounds where there are any. */
import { function as F, taskEither as TE } from 'fp-ts'
import * as t from 'io-ts'
import { fileError, type Door } from '../../lib/errors.ts'
import { readJson } from '../../lib/json.ts'
import type { Pixels } from '../../lib/device/pixels.ts'
import { join, textThrough, type Folder } from '../../lib/weights/byte-source.ts'
import { pictureIn, type Decode } from '../pictures/index.ts'
import { sheetIndex, type Photo, type Sheet, type SheetIndex, type World } from './world.ts'

const jsonIn = <A>(folder: Folder, codec: t.Decoder<unknown, A>, file: string): Door<A> =>
  textThrough(folder, file, (text, name) => readJson(codec, text, name))

const sheetIn = (
  folder: Folder,
  decode: Decode<Pixels>,
  { cell, columns, rows }: SheetIndex,
  file: string,
): Door<Sheet> =>
  F.pipe(
    pictureIn(folder, decode, file),
    TE.flatMap(({ width, height, data, alpha }): Door<Sheet> => {
      const refuse = (why: string): Door<Sheet> => TE.left(fileError('picture', join(folder.name, file), why))
      if (alpha === undefined) return refuse('a sprite sheet needs an alpha channel: save it as an RGBA PNG')
      if (width === columns * cell && height === rows * cell) return TE.right({ width, height, data, alpha })
      return refuse(`index.json says ${columns * cell} × ${rows * cell} pixels, it has ${width} × ${height}`)
    }),
  )

const id = t.union([t.string, t.number])
const captioned = t.array(t.type({ id, image: t.string }))
const boxed = t.array(t.type({ id, labels: t.array(t.string) }))
/** concepts that a photo's labels name in other words */
const alsoShown: Partial<Record<string, readonly string[]>> = {
  tv: ['television'],
  'sports ball': ['ball', 'basketball'],
  boat: ['ship', 'sailboat'],
  'hot dog': ['burger'],
  sandwich: ['burger', 'bread'],
  bird: ['owl', 'duck', 'chicken', 'penguin'],
  'potted plant': ['tree', 'cactus', 'leaf'],
  tie: ['shirt'],
  person: ['shirt', 'shoe', 'glasses', 'hat'],
}
const photosIn = (folder: Folder, decode: Decode<Pixels>): Door<readonly Photo[]> =>
  F.pipe(
    TE.Do,
    TE.bind('captions', () => jsonIn(folder, captioned, 'captions.json')),
    TE.bind('boxes', () => jsonIn(folder, boxed, 'boxes.json')),
    TE.flatMap(({ captions, boxes }) =>
      F.pipe(
        captions,
        TE.traverseSeqArray(({ id: photo, image }) => {
          const labels = boxes.find(b => b.id === photo)?.labels ?? []
          const shows = [...new Set(labels.flatMap(label => [label, ...(alsoShown[label] ?? [])]))]
          return TE.map((picture: Pixels): Photo => ({ name: image, picture, shows }))(pictureIn(folder, decode, image))
        }),
      ),
    ),
  )

/**
 * The world of a folder with `index.json` and sprite sheets; `photos` is a folder with `captions.json`, `boxes.json` and the pictures they
 * name. Errors: `missing file`, `field`, `picture`.
 */
export const openWorld = (sheets: Folder, decode: Decode<Pixels>, photos?: Folder): Door<World> =>
  F.pipe(
    TE.Do,
    TE.bind('index', () => jsonIn(sheets, sheetIndex, 'index.json')),
    TE.bind('styles', ({ index }) =>
      F.pipe(
        Object.entries(index.styles),
        TE.traverseSeqArray(([style, { sheet }]) =>
          TE.map((decoded: Sheet) => [style, decoded] as const)(sheetIn(sheets, decode, index, sheet)),
        ),
      ),
    ),
    TE.bind('photos', () => (photos === undefined ? TE.right([]) : photosIn(photos, decode))),
    TE.map(({ index, styles, photos: found }): World => ({ index, sheets: new Map(styles), photos: found })),
  )
