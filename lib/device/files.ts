/** The files of this place, for those who give paths: `files.within('checkpoints/mine')` is a folder. */
import { platform } from '#platform'
import type { Folder } from '../weights/byte-source.ts'

/** Files by path in Node. A page has none, and passes a `memoryFolder` of what its user chose. */
export const files: Folder = platform.files
