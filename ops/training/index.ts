/** What training is told: optimizers, and the rules that they are made of. */
export { adamW, type AdamWOptions } from './adam-w.ts'
export { clipScale, globalNorm, optimizer, type Rule } from './optimizer.ts'
export { sgd, type SgdOptions } from './sgd.ts'
