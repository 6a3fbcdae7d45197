/**
 * What becomes of the features of objects: their own tokens beside the picture's (MG-LLaVA's choice), or one side asks the
 * other and only the answer is added. Names are the paper's: in F-to-B the fused map asks the boxes. Source:
 * PhoenixZ810/MG-LLaVA, modules published as byte code (BoxFuseModule). Parameters are named `box_fuse_module.*`; what
 * was found can be found by name there, as A.
 */
import { loosely, named, scope, type AnyTensor, type Loose } from '../lib/index.ts'
import { add, concat, rearrange } from '../ops/index.ts'
import { positionEncoding } from './box-positions.ts'
import { askMemory } from './cross-attention.ts'

export interface Merging {
  /** tokens of the low-resolution tower, [tokens, C] */
  readonly low: AnyTensor
  /** the fused map, [tokens, F] */
  readonly fused: AnyTensor
  /** pooled features of the boxes, [boxes, E] */
  readonly features: AnyTensor
  /** where the boxes lie, [boxes, 4]: cx, cy, w, h, each over the picture's width or height */
  readonly places: AnyTensor
  /** which boxes there are, [boxes], where pictures of a batch have different numbers of them; all unless said */
  readonly known?: AnyTensor | undefined
}
export interface Merged {
  /** what the projector reads */
  readonly map: AnyTensor
  /** what the projector of objects reads, if there are object tokens */
  readonly objects?: AnyTensor
}
export type BoxMerging = (m: Merging) => Merged

const answered = (x: AnyTensor, memory: AnyTensor, known?: AnyTensor): Loose =>
  loosely(() => add)()(
    x,
    scope('box_fuse_module', (...asked: Loose[]) => named('A')(askMemory('key')(asked[0]!, asked[1]!, known)))(
      x as Loose,
      memory as Loose,
    ),
  )

/** The objects are not used. */
export const noBoxes = (({ fused }) => ({ map: fused })) satisfies BoxMerging
/** Object tokens after the picture's. */
export const concatBoxes = (({ fused, features }) => ({ map: fused, objects: features })) satisfies BoxMerging
/** Features [..., E] of objects, and beside them sines and cosines of where these lie, [..., 4]: [..., E + 64]. */
export const withPlaces = (features: AnyTensor, places: AnyTensor): Loose => {
  const encoded = positionEncoding({ features: 16 })(places as Loose)
  return loosely(concat)(-1)(features, loosely(rearrange)('...s k q -> ...s (k q)')(encoded)) as Loose
}
/** The same, and each object's token knows where its box lies. */
export const placedBoxes = (({ fused, features, places }) => ({
  map: fused,
  objects: withPlaces(features, places),
})) satisfies BoxMerging
/** F-to-B: every token of the fused map asks the boxes. No object tokens. */
export const mapAsksBoxes = (({ fused, features, known }) => ({
  map: answered(fused, features, known),
})) satisfies BoxMerging
/** B-to-F: every box asks the picture, `low` or `fused`; then object tokens after the picture's. */
export const boxesAskMap = (memory: 'low' | 'fused') =>
  ((m: Merging) => ({ map: m.fused, objects: answered(m.features, m[memory]) })) satisfies BoxMerging
