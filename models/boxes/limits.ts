/**
 * Limits on how many boxes reach the language model, each box being a token. A limit takes the indices that survived
 * suppression, best score first, and returns those that stay. Source:
 * PhoenixZ810/MG-LLaVA:mg_llava/module/mg_llava_dataset.py.
 */

export type BoxLimit = (kept: readonly number[], labels: readonly string[]) => readonly number[]

export const keepAll: BoxLimit = kept => kept

/** The best `cap` of each label, label after label in order of first appearance. */
const bestOfEach =
  (cap: number): BoxLimit =>
  (kept, labels) => {
    const names = [...new Set(kept.map(i => labels[i]!))]
    return names.flatMap(name => kept.filter(i => labels[i] === name).slice(0, cap))
  }

/**
 * If more than `most` are left: the best 20 of each label, or 5 where `most` is below 50. Not a cap of `most`. At
 * exactly 50 the original has no rule; configurations refuse it.
 */
export const perCategory =
  (most: number): BoxLimit =>
  (kept, labels) =>
    kept.length > most ? bestOfEach(most > 50 ? 20 : 5)(kept, labels) : kept

/** The best `most`. */
export const perImage =
  (most: number): BoxLimit =>
  kept =>
    kept.slice(0, most)

/** What replaces a limit in training when the text alone nearly fills the sequence. */
export const crowded = { perCategory: bestOfEach(1), perImage: perImage(20) } as const

/** Whether the text of a training sample is that long. */
export const isCrowded = (textLength: number, maxLength: number) => textLength >= maxLength - 50
