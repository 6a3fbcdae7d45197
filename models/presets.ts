/**
 * The models of the paper in their exact sizes, as literals: tsc checks what is built with them. The same functions take
 * sizes out of config.json files (models/load). Sources: the configurations of openai/clip-vit-large-patch14-336,
 * laion/CLIP-convnext_large_d_320.laion2B-s29B-b131K-ft-soup and of the five language models.
 */
import { concatBoxes } from './box-merging.ts'
import { convGate } from './fusion.ts'
import { joined, separate } from './llama.ts'

export const clipL336 = {
  width: 1024,
  heads: 16,
  headWidth: 64,
  mlpWidth: 4096,
  layers: 24,
  select: -2,
  patch: 14,
  eps: 1e-5,
} as const
export const convNextL = { depths: [3, 3, 27, 3], widths: [192, 384, 768, 1536] } as const

export const vicuna7b = {
  width: 4096,
  layers: 32,
  heads: 32,
  keyHeads: 32,
  headWidth: 128,
  mlpWidth: 11008,
  vocabulary: 32000,
  theta: 1e4,
  eps: 1e-5,
  projections: separate,
} as const
export const vicuna13b = { ...vicuna7b, width: 5120, layers: 40, heads: 40, keyHeads: 40, mlpWidth: 13824 } as const
export const llama3 = { ...vicuna7b, keyHeads: 8, mlpWidth: 14336, vocabulary: 128256, theta: 5e5 } as const
export const yi34b = {
  ...vicuna7b,
  width: 7168,
  layers: 60,
  heads: 56,
  keyHeads: 8,
  mlpWidth: 20480,
  vocabulary: 64000,
  theta: 5e6,
  eps: 1e-6,
} as const
export const phi3Mini = {
  ...vicuna7b,
  width: 3072,
  headWidth: 96,
  mlpWidth: 8192,
  vocabulary: 32064,
  projections: joined,
} as const

/** LLaVA-1.5: one tower, no objects. */
export const llavaVicuna7b = { lowSize: 336, clip: clipL336, llm: vicuna7b } as const
/** Everything in MG-LLaVA but the language model. */
const mg = {
  lowSize: 336,
  clip: clipL336,
  imageSize: 768,
  convNext: convNextL,
  fusion: convGate,
  boxes: concatBoxes,
  bins: 56,
} as const
export const mgLlavaPhi3 = { ...mg, llm: phi3Mini } as const
export const mgLlavaVicuna7b = { ...mg, llm: vicuna7b } as const
export const mgLlavaLlama3 = { ...mg, llm: llama3 } as const
export const mgLlavaVicuna13b = { ...mg, llm: vicuna13b } as const
export const mgLlavaYi34b = { ...mg, llm: yi34b } as const
