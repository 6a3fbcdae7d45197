/**
 * The order of samples in which batches are of like length, as MG-LLaVA's second stage has it: pictures and texts in groups of their own,
 * each group by falling length. Source: InternLM/xtuner:xtuner/dataset/samplers/length_grouped.py, with its behaviour where only one
 * modality is there (its groups stay in order, and texts come in rising length).
 */
import { randomBits } from '../graph/index.ts'

export interface LengthGroups {
  /** samples of one update on one device, those of several batches included */
  readonly batch: number
  /** devices; 1 unless said */
  readonly world?: number
  /** batches in a group; as many as make about four groups, 50 at most, unless said */
  readonly batchesPerGroup?: number
}
/** A random order of the numbers below n. Called once for each order that is needed. */
export type Permutation = (n: number) => readonly number[]

/** Orders drawn by the counter-based hash of this library: other ones at each call, the same for a seed. Fisher & Yates 1938. */
export const permutationsOf = (seed: number): Permutation => {
  let calls = 0
  return n => {
    const key = randomBits(seed, calls++)
    const order = Array.from({ length: n }, (_, i) => i)
    for (let i = n - 1; i > 0; i--) {
      const j = randomBits(key, i) % (i + 1)
      const held = order[i]!
      order[i] = order[j]!
      order[j] = held
    }
    return order
  }
}

const groupsOf = (order: readonly number[], size: number): readonly (readonly number[])[] =>
  Array.from({ length: Math.ceil(order.length / size) }, (_, g) => order.slice(g * size, (g + 1) * size))

/**
 * The samples that each device sees, in order: `lengths` per sample, negative for text alone. Every device sees as many, a multiple of its
 * batch, the first samples again at the end where need be.
 */
export const lengthGroupedOrder = (
  lengths: readonly number[],
  { batch, world = 1, batchesPerGroup }: LengthGroups,
  permutation: Permutation,
): readonly (readonly number[])[] => {
  const together = batch * world
  const most = Math.max(1, Math.min(Math.floor(lengths.length / (4 * together)), 50))
  const size = (batchesPerGroup ?? most) * together
  const falling = (group: readonly number[], length: (i: number) => number): readonly number[] =>
    [...group].sort((a, b) => length(b) - length(a))
  const signed = (i: number): number => lengths[i]!
  const long = (i: number): number => Math.abs(lengths[i]!)
  const all = lengths.map((_, i) => i)
  const [pictures, texts] = [all.filter(i => lengths[i]! > 0), all.filter(i => lengths[i]! <= 0)]
  const grouped = (of: readonly number[], length: (i: number) => number): readonly (readonly number[])[] =>
    groupsOf(
      permutation(of.length).map(k => of[k]!),
      size,
    ).map(group => falling(group, length))
  const mixed = (): readonly (readonly number[])[] => {
    const [ofPictures, ofTexts] = [grouped(pictures, long), grouped(texts, long)]
    const rest = falling([...(ofPictures.at(-1) ?? []), ...(ofTexts.at(-1) ?? [])], long)
    const others = [...ofPictures.slice(0, -1), ...ofTexts.slice(0, -1)]
    const shuffled = permutation(others.length).map(k => others[k]!)
    return rest.length === 0 ? shuffled : [...shuffled, rest]
  }
  const groups = pictures.length > 0 && texts.length > 0 ? mixed() : grouped(all, signed)
  const order = longestFirst(groups, long).flat()
  const total = together * Math.ceil(lengths.length / together)
  const cyclic = Array.from({ length: total }, (_, k) => order[k % order.length]!)
  return Array.from({ length: world }, (_, rank) => cyclic.filter((_, k) => k % world === rank))
}

/** The longest sample of all at the very beginning: what does not fit into memory fails at once. */
const longestFirst = (
  groups: readonly (readonly number[])[],
  long: (i: number) => number,
): readonly (readonly number[])[] => {
  if (groups.length === 0) return groups
  const firsts = groups.map(group => long(group[0]!))
  const at = firsts.indexOf(Math.max(...firsts))
  const swapped = groups.map(group => [...group])
  const first = swapped[0]![0]!
  swapped[0]![0] = swapped[at]![0]!
  swapped[at]![0] = first
  return swapped
}
