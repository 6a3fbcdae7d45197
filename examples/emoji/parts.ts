/**
 * A MG-LLaVA small enough to train on a laptop's processor: 2.3 million weights, the ratio of its two views (168 to 384 pixels) that of
 * the original (336 to 768), Conv-Gate fusion, object tokens that know where their boxes lie.
 */
import { convGate, mlp, placedBoxes, separate } from 'sluice/models'

/** how wide the box projector is inside: so many things are not named exactly by two layers, nor by layers as narrow as a token */
export const boxHidden = [512, 512]
export const small = {
  lowSize: 168,
  imageSize: 384,
  clip: {
    width: 96,
    heads: 4,
    headWidth: 24,
    mlpWidth: 384,
    layers: 3,
    // the state before the last layer, as MG-LLaVA takes it
    select: -2,
    patch: 14,
    eps: 1e-5,
  },
  convNext: { depths: [1, 1, 2, 1], widths: [16, 32, 80, 160] },
  fusion: convGate,
  boxes: placedBoxes,
  boxProjector: mlp(boxHidden),
  bins: 8,
  llm: {
    width: 128,
    layers: 4,
    heads: 4,
    keyHeads: 4,
    headWidth: 32,
    mlpWidth: 352,
    vocabulary: 576,
    theta: 1e4,
    eps: 1e-5,
    positions: 1024,
    projections: separate,
  },
} as const
