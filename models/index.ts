/** Models and their parts: towers, fusions, box merging, language models, MG-LLaVA, and what its host does with pictures, boxes and text. */
export * from './baselines/index.ts'
export {
  boxesAskMap,
  concatBoxes,
  mapAsksBoxes,
  noBoxes,
  placedBoxes,
  type BoxMerging,
  type Merged,
  type Merging,
} from './box-merging.ts'
export {
  clip,
  clipAttention,
  clipEmbeddings,
  clipLayer,
  layersRun,
  resizedPositions,
  tablePositions,
  withoutClass,
  type ClipConfig,
  type Positions,
} from './clip.ts'
export { convNext, convNextBlock, type ConvNextConfig, type Pyramid } from './convnext.ts'
export { askMemory, askOwnMemory } from './cross-attention.ts'
export {
  align,
  alignLinear,
  asTokens,
  below,
  bothViews,
  channelConcat,
  convGate,
  fastMlp,
  fusion,
  gate,
  gatedConcat,
  gateHigh,
  highPath,
  linearPath,
  lowOnly,
  lowPath,
  minePatches,
  patchInfoMining,
  plainConcat,
  pyramid,
  scaleBy,
  side,
  sum,
  type Aligned,
  type Views,
} from './fusion.ts'
export { ontoGrid, resizeGrid, smoothBicubic, type Grid, type Resize } from './grid.ts'
export {
  causal,
  embed,
  head,
  joined,
  llama,
  llamaLayer,
  nextToken,
  separate,
  transform,
  type Attend,
  type LlamaConfig,
  type Projections,
} from './llama.ts'
export { remembering } from './memory.ts'
export {
  look,
  mgLlava,
  read,
  readBetween,
  readLast,
  shown,
  splice,
  type LlavaParts,
  type Logits,
  type LowGrid,
  type MgLlavaParts,
  type MgParts,
  type Seen,
  type Shown,
} from './mg-llava.ts'
export * from './learning/index.ts'
export { linears, linearsBut, lora, mergeLora, peftName, peftNameInCheckpoint, type LoraOptions } from './lora.ts'
export { nextTokenLoss } from './losses.ts'
export { owlBoxHead, owlClassHead, owlObjectnessHead, type Scored } from './owl-heads.ts'
export { describeLoaded, load, type LoadedMgLlava, type Unused } from './load/load.ts'
export { loadLlama, type LoadedLlama } from './load/llama.ts'
export { save, type SaveOptions } from './load/save.ts'
export { variantOf, type VariantOptions } from './load/variant.ts'
export { rewiringCodec, rewiringFields, type Rewiring } from './load/wiring.ts'
export {
  ask,
  byReference,
  onDevice,
  openLlama,
  openSession,
  type Answer,
  type AskOptions,
  type ContinueOptions,
  type Engine,
  type GenerateOptions,
  type Host,
  type Prepared,
  type Question,
  type Said,
  type Sampling,
  type Session,
  type SessionOptions,
  type TextSession,
} from './answer/index.ts'
export { pooledFeatures, type PoolingOptions } from './objects.ts'
export { clipPicture, mgPicture, type ClipSettings, type MgSettings, type Picture } from './pictures/index.ts'
export {
  clipL336,
  convNextL,
  llama3,
  llavaVicuna7b,
  mgLlavaLlama3,
  mgLlavaPhi3,
  mgLlavaVicuna13b,
  mgLlavaVicuna7b,
  mgLlavaYi34b,
  phi3Mini,
  vicuna13b,
  vicuna7b,
  yi34b,
} from './presets.ts'
export { mlp, mlp2, multiHead, readByQueries, resampler, type LookUp, type Projector } from './projector.ts'
export { regionResampler } from './regions.ts'
