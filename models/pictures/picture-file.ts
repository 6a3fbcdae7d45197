/** The pixels of a picture file in a folder, by the decoder of whoever asks. */
import { function as F, taskEither as TE } from 'fp-ts'
import type { Door } from '../../lib/errors.ts'
import { join, type Folder } from '../../lib/weights/byte-source.ts'
import type { Picture } from './picture.ts'

/** A picture file's bytes to pixels; `name` is how errors call it. */
export type Decode<P extends Picture = Picture> = (bytes: Uint8Array, name: string) => Door<P>

/** Errors: those of reading the file, and the decoder's own. */
export const pictureIn = <P extends Picture>(folder: Folder, decode: Decode<P>, file: string): Door<P> =>
  F.pipe(
    folder.open(file),
    TE.flatMap(source => source.read(0, source.size)),
    TE.flatMap(bytes => decode(bytes, join(folder.name, file))),
  )
