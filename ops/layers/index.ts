/** Layers: functions that make their parameters under a name, so that published checkpoints load by name. */
export { conv2d, type Conv2dOptions } from './conv2d.ts'
export { dropout, stochasticDepth, type Drawing } from './dropout.ts'
export { embedding } from './embedding.ts'
export { layerNorm, type LayerNormOptions } from './layer-norm.ts'
export { layerScale } from './layer-scale.ts'
export { linear, type LinearOptions } from './linear.ts'
export { rmsNorm } from './rms-norm.ts'
