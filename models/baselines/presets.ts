/** The baselines in their exact sizes, as literals. LLaVA-1.5 is among the presets of the paper, which has no second tower. */
import { resizedPositions } from '../clip.ts'
import { patchInfoMining } from '../fusion.ts'
import { smoothBicubic } from '../grid.ts'
import { clipL336, convNextL, vicuna13b, vicuna7b } from '../presets.ts'

/** for mgLlava */
export const miniGeminiVicuna7b = {
  lowSize: 336,
  clip: clipL336,
  imageSize: 768,
  convNext: convNextL,
  fusion: patchInfoMining,
  llm: vicuna7b,
} as const
export const miniGeminiHdVicuna7b = { ...miniGeminiVicuna7b, imageSize: 1536 } as const

/** All layers of CLIP are run. */
export const llavaHrVicuna7b = {
  lowSize: 448,
  clip: { ...clipL336, select: -1, positions: resizedPositions(24, smoothBicubic) },
  imageSize: 1024,
  convNext: convNextL,
  adapters: [6, 12, 18],
  llm: vicuna7b,
} as const

/** The separators are `,` and a line feed. */
export const llavaUhdVicuna13b = {
  lowSize: 336,
  clip: { ...clipL336, positions: resizedPositions(24) },
  queries: 12,
  queryHeads: 40,
  separators: [29892, 13],
  llm: vicuna13b,
} as const
export const llavaUhdSlices = { scale: 336, patch: 14, most: 7 } as const

export const videoLlavaVicuna7b = {
  lowSize: 224,
  clip: { ...clipL336, activation: 'gelu' },
  frames: 8,
  llm: vicuna7b,
} as const
