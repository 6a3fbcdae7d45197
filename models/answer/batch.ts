/**
 * Several questions at once: their sequences side by side, padded on the right to the longest, as training and batched
 * evaluation read them. Source: PhoenixZ810/MG-LLaVA:mg_llava/module/fuse_model.py (prepare_inputs_labels_for_multimodal).
 */
import { indexInput, inputOf, value, type Loose, type Value } from '../../lib/index.ts'
import { read, type MgLlavaParts } from '../mg-llava.ts'

export interface Batch {
  /** [questions, T, width], zeros after the end of each */
  readonly sequence: Value
  /** [questions, T]: 1 where there is a token */
  readonly attentionMask: Value
  /** [questions, T]: 0, 1, … of the tokens, 0 on padding */
  readonly positions: Value
}
/** Sequences [T_i, width] as one batch. */
export const padBatch = (sequences: readonly Value[]): Batch => {
  const lengths = sequences.map(({ shape }) => shape[0]!)
  const width = sequences[0]?.shape[1] ?? 0
  const most = Math.max(0, ...lengths)
  const data = new Float32Array(sequences.length * most * width)
  sequences.forEach((sequence, i) => data.set(sequence.data, i * most * width))
  const each = (f: (at: number, length: number) => number): Value => {
    const rows = lengths.flatMap(length => Array.from({ length: most }, (_, at) => f(at, length)))
    return value([sequences.length, most], rows, 'index')
  }
  return {
    sequence: value([sequences.length, most, width], data),
    attentionMask: each((at, length) => (at < length ? 1 : 0)),
    positions: each((at, length) => (at < length ? at : 0)),
  }
}
/** The model of a padded batch, from `sequence` and `positions`: scores of the next token, [questions, T, vocabulary]. */
export const readBatch = (parts: Pick<MgLlavaParts, 'llm'>): Loose =>
  read(parts)(
    inputOf('sequence', ['questions', 'tokens', parts.llm.width]),
    indexInput('positions', ['questions', 'tokens']),
  )
