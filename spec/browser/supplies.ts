/** What a place is given to check with. */
import * as t from 'io-ts'

/** The size of a picture and the SHA-256 of its pixels in hexadecimal, as Node decodes it. */
const KnownPicture = t.readonly(t.type({ name: t.string, width: t.number, height: t.number, sha256: t.string }))
export type KnownPicture = t.TypeOf<typeof KnownPicture>

/** The answer to /supplies.json. Files are below /models/ and /pictures/. */
export const Supplies = t.type({
  seed: t.number,
  known: t.readonlyArray(KnownPicture),
  /** names of models, each a folder of their files */
  models: t.readonlyArray(t.string),
  modelFiles: t.readonlyArray(t.string),
  pictures: t.readonlyArray(t.string),
})
export type Supplies = t.TypeOf<typeof Supplies>
