/** Checkpoint folders. */
export { load, type LoadedMgLlava, type Unused } from './load.ts'
export { variantOf, type VariantOptions } from './variant.ts'
export { rewiringCodec, rewiringFields, type Rewiring, type Wiring } from './wiring.ts'
