/** Checkpoint folders. */
export { load, type LoadedMgLlava, type Unused } from './load.ts'
export type { Wiring } from './wiring.ts'
export { save, type SaveOptions } from './save.ts'
