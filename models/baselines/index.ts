/** Models that MG-LLaVA is compared with, composed of the parts it is made of. LLaVA-1.5 and plain Mini-Gemini are mgLlava with fewer parts. */
export { llavaHr, type LlavaHrParts } from './llava-hr.ts'
export { llavaUhd, type LlavaUhdParts } from './llava-uhd.ts'
export { miniGeminiHd, type MiniGeminiParts } from './mini-gemini.ts'
export { slicedPicture, slicesOf, type SliceOptions, type Slices } from './slices.ts'
export {
  seePicture,
  seeVideo,
  videoLayer,
  videoLlava,
  videoLlavaPicture,
  videoTower,
  type VideoLlavaParts,
} from './video-llava.ts'
export {
  llavaHrVicuna7b,
  llavaUhdSlices,
  llavaUhdVicuna13b,
  miniGeminiHdVicuna7b,
  miniGeminiVicuna7b,
  videoLlavaVicuna7b,
} from './presets.ts'
