/** From the words of a wiring to the parts of a model. */
import { boxesAskMap, concatBoxes, mapAsksBoxes, noBoxes, placedBoxes, type BoxMerging } from '../box-merging.ts'
import type { ConvNextConfig } from '../convnext.ts'
import {
  bothViews,
  channelConcat,
  convGate,
  fastMlp,
  gatedConcat,
  lowOnly,
  patchInfoMining,
  plainConcat,
} from '../fusion.ts'
import type { LlavaParts, MgLlavaParts, MgParts } from '../mg-llava.ts'
import { mlp, resampler } from '../projector.ts'
import type { BoxesName, FusionName, Wiring } from './wiring.ts'

export const fusions: Readonly<Record<FusionName, MgParts['fusion']>> = {
  none: lowOnly,
  'conv-gate': convGate,
  'gated-concat': gatedConcat,
  concat: plainConcat,
  'channel-concat': channelConcat,
  'fast-mlp': fastMlp,
  'patch-info-mining': patchInfoMining,
  resampler: bothViews,
}
const mergings: Readonly<Record<BoxesName, (w: Wiring) => BoxMerging>> = {
  none: () => noBoxes,
  concat: () => concatBoxes,
  placed: () => placedBoxes,
  'f-to-b': () => mapAsksBoxes,
  'b-to-f': ({ box_memory }) => boxesAskMap(box_memory === 'E_F' ? 'fused' : 'low'),
}

/** What is the same however a model is wired: its towers and its language model. */
export interface Backbones extends Pick<LlavaParts, 'clip' | 'llm'> {
  readonly convNext: ConvNextConfig | undefined
}
/** The parts of the model that a wiring describes, around these towers and this language model. */
export const partsOf = (wiring: Wiring, { clip, llm, convNext }: Backbones): MgLlavaParts => {
  const { low_size, image_size, roi_size, fusion, boxes, box_hidden, resampler_heads } = wiring
  const low = { lowSize: low_size, clip, llm }
  if (convNext === undefined || image_size === null) return low
  const both = {
    ...low,
    imageSize: image_size,
    convNext,
    fusion: fusions[fusion],
    ...(roi_size === null ? {} : { bins: roi_size }),
    ...(boxes === 'none' ? {} : { boxes: mergings[boxes](wiring) }),
    ...(box_hidden === undefined ? {} : { boxProjector: mlp(box_hidden) }),
  }
  if (fusion !== 'resampler') return both
  return { ...both, projector: resampler({ heads: resampler_heads!, side: low_size / Number(clip.patch) }) }
}
