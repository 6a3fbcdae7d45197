/**
 * The small world that models are trained on here: emoji of several artists' styles on plain, gradient, noisy or photographic backgrounds,
 * with exact boxes and questions that have one right answer. This file knows what there is (concepts, styles, which pairs never meet in
 * training); the others draw it and ask about it. Nothing here reads files: sheets and photos arrive decoded.
 */
import * as t from 'io-ts'
import type { Picture } from '../pictures/index.ts'

const concept = t.type({ name: t.string, category: t.string })
const style = t.type({ sheet: t.string, licence: t.string, credit: t.string })
/** `index.json` beside the sprite sheets: cell k of every sheet, row by row, is concept k. */
export const sheetIndex = t.type({
  cell: t.number,
  columns: t.number,
  rows: t.number,
  concepts: t.array(concept),
  styles: t.record(t.string, style),
})
export type SheetIndex = t.TypeOf<typeof sheetIndex>

/** A decoded sprite sheet: colours, and how much each pixel covers. */
export interface Sheet extends Picture {
  /** [height, width], 255 where the pixel hides what is behind it */
  readonly alpha: Uint8Array
}
/** A photo for backgrounds, and the concepts that are seen on it: they are neither drawn nor asked for. */
export interface Photo {
  readonly name: string
  readonly picture: Picture
  readonly shows: readonly string[]
}
export interface World {
  readonly index: SheetIndex
  /** by style */
  readonly sheets: ReadonlyMap<string, Sheet>
  readonly photos: readonly Photo[]
}

/** FNV-1a, 32 bits, of the UTF-8 bytes. */
const fnv1a = (text: string): number =>
  new TextEncoder().encode(text).reduce((h, byte) => Math.imul(h ^ byte, 16777619) >>> 0, 2166136261)
/** One unordered pair of different concepts in ten never meets in a training scene. */
export const isHeldOut = (a: string, b: string): boolean =>
  a !== b && fnv1a([a, b].sort((x, y) => (x < y ? -1 : 1)).join('+')) % 10 === 0

/** The artists whose drawings are trained on, and the one that is only tested. */
export const trainingStyles = ['openmoji', 'twemoji', 'noto', 'fluent'] as const
export const heldOutStyle = 'emojione'

/** Which scenes: their styles, and whether a held-out pair meets in each. */
export interface Split {
  readonly styles: readonly string[]
  readonly heldOutPair: boolean
}
export const splits = {
  train: { styles: trainingStyles, heldOutPair: false },
  'test-style': { styles: [heldOutStyle], heldOutPair: false },
  'test-pairs': { styles: trainingStyles, heldOutPair: true },
  'test-both': { styles: [heldOutStyle], heldOutPair: true },
} as const satisfies Record<string, Split>
export type SplitName = keyof typeof splits
