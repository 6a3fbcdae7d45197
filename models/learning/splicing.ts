/**
 * Where the tokens of a batch stand: text, and in it the tokens of a picture and of the objects in it. Source:
 * PhoenixZ810/MG-LLaVA:mg_llava/module/fuse_model.py (prepare_inputs_labels_for_multimodal), as it is meant: padding is on the right and
 * belongs to nothing.
 */
import { markerIds } from '../text/index.ts'

/** No label here: what is given, and what is not text. */
export const unlabelled = -100

/** A text to learn from, with a marker where the tokens of a picture go. */
export interface LabelledIds {
  readonly ids: readonly number[]
  /** what each id should have been foretold as, or -100 */
  readonly labels: readonly number[]
}
/** One place of a sequence. */
export type Place =
  | { readonly what: 'word'; readonly id: number; readonly label: number }
  /** token `at` of the picture */
  | { readonly what: 'picture'; readonly at: number }
  | { readonly what: 'object'; readonly at: number }

/** The places of one text: the marker gives way to the tokens of the picture, then those of its objects. */
export const placesOf = ({ ids, labels }: LabelledIds, pictureTokens: number, objects: number): readonly Place[] =>
  ids.flatMap((id, k): readonly Place[] => {
    if (id !== markerIds.image) return [{ what: 'word', id, label: labels[k] ?? unlabelled }]
    const run = (what: 'picture' | 'object', count: number): readonly Place[] =>
      Array.from({ length: count }, (_, at) => ({ what, at }))
    return [...run('picture', pictureTokens), ...run('object', objects)]
  })
export const labelOf = (place: Place): number => (place.what === 'word' ? place.label : unlabelled)
