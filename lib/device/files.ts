/** Files and pictures of this place, for those who give paths: `files.within('checkpoints/mine')` is a folder. */
import { platform } from '#platform'
import type { Door } from '../errors.ts'
import type { Folder } from '../weights/byte-source.ts'
import type { Pixels } from './pixels.ts'

/** Files by path in Node. A page has none, and passes a `memoryFolder` of what its user chose. */
export const files: Folder = platform.files
/** The pixels of a picture file's bytes, as this place decodes them; `name` is how errors call it. */
export const decodePicture: (bytes: Uint8Array, name: string) => Door<Pixels> = platform.decode
