/** Checkpoint folders. */
export { load, type LoadedMgLlava, type Unused } from './load.ts'
export type { Wiring } from './wiring.ts'
