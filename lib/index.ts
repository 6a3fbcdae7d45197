/** Sluice, the language: shapes, tensors, ops as records, interpreters, compiler, device. Knows no op by name. */
export * from './errors.ts'
export * from './shape/index.ts'
export * from './graph/index.ts'
export * from './form/index.ts'
export { evaluate, type EvaluateOptions, type Values } from './interpret/evaluate.ts'
export { gradient, pullback, type PullbackOptions } from './interpret/gradient.ts'
export {
  checkParameters,
  checkUpdates,
  parameters,
  states,
  updates,
  type Parameter,
  type Update,
} from './interpret/parameters.ts'
export { count, formatCount, type Cost, type Count, type CountOptions, type Total } from './interpret/count.ts'
export { describe, type DescribeOptions } from './interpret/describe.ts'
export { drawing, graph, type DrawingOptions } from './interpret/drawing.ts'
export { labels, replace, tap, tapAll, type Replacement, type Selected, type Selector } from './interpret/edit.ts'
export { lower, type LowerOptions } from './compile/lower.ts'
export { listing, type ListingOptions } from './compile/listing.ts'
export type { DeviceProfile, Lowered, Pass } from './compile/pass.ts'
export { describePlan } from './compile/plan-page.ts'
export { compile, openDevice, run, sharedDevice, type CompileOptions } from './device/run.ts'
export { load, type LoadOptions } from './device/load.ts'
export type { RunOptions } from './device/asked.ts'
export type { Program } from './device/program.ts'
export { formatProfile, type Profile } from './device/profile.ts'
export { chosenSchedules, tune, type Candidate, type Product, type TuneOptions, type Tuned } from './device/tune.ts'
export { writeTuned } from './device/tuned.ts'
export type { Device, DeviceOptions } from './device/device.ts'
export type { WeightSource } from './device/upload.ts'
export {
  blobSource,
  bytesSource,
  memoryFolder,
  type BlobLike,
  type ByteSource,
  type Folder,
} from './weights/byte-source.ts'
export { openTensorFile, openWeights } from './weights/open-weights.ts'
export { readSafetensors, writeSafetensors } from './weights/safetensors.ts'
export { floatTensor, wholeTensor, type TensorEntry, type TensorFile } from './weights/tensor-file.ts'
export { decodePicture, files } from './device/files.ts'
export type { Pixels } from './device/pixels.ts'
export * from './train/index.ts'
export * from './check/index.ts'
import { function as F } from 'fp-ts'
export const { pipe, flow } = F
