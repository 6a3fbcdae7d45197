/**
 * Every value between a picture and an answer under the name that golden files and dumps give it, for those the model has.
 * In the model itself they have the names of blocks.
 */
import { labels, tap, value, type AnyTensor, type Value } from '../../lib/index.ts'
import type { Outputs, Values } from './engine.ts'

const patterns: readonly (readonly [label: RegExp, stage: string])[] = [
  [/^vision_model\.pre_layrnorm$/, 'clip/hidden_0'],
  [/^visual\.trunk\.stages\.(\d+)$/, 'convnext/stage_$1'],
  [/^(E_L|E_H|R|E_F|picture|objects|sequence)$/, '$1'],
  [/^fuse_module\.(L|H|g|mined)$/, 'fusion/$1'],
  [/^box_fuse_module\.(A)$/, '$1'],
  [/^llm\.model\.layers\.(\d+)$/, 'llm/layer_$1'],
  [/^llm\.model\.norm$/, 'llm/norm'],
  [/^llm\.lm_head$/, 'logits'],
]
/** The stage that a label stands for. Layer i of CLIP gives hidden state i + 1. */
const stageOf = (label: string): string | undefined => {
  const layer = /^vision_model\.encoder\.layers\.(\d+)$/.exec(label)
  if (layer !== null) return `clip/hidden_${Number(layer[1]) + 1}`
  const [pattern, stage] = patterns.find(([known]) => known.test(label)) ?? []
  return pattern === undefined ? undefined : label.replace(pattern, stage!)
}

/** All stages of some outputs, in the order in which they are computed. */
export const stagesIn = (outputs: readonly AnyTensor[]): Outputs => {
  const all = Object.fromEntries(outputs.map((output, i) => [String(i), output]))
  const named = labels(all).flatMap(label => {
    const stage = stageOf(label)
    return stage === undefined ? [] : [[stage, tap(all, label)] as const]
  })
  return Object.fromEntries(named)
}

/** Values that have a row for each box: of the frames of a video they are joined, all others stacked. */
const isOfBoxes = (stage: string, v: Value, boxes: Value | undefined): boolean =>
  ['boxes', 'R', 'objects', 'A'].includes(stage) && v.shape[0] === boxes?.shape[0]

/** The values of several frames as one, each with a leading axis of frames. */
export const joinFrames = (frames: readonly Values[]): Values =>
  Object.fromEntries(
    Object.keys(frames[0] ?? {}).map(stage => {
      const parts = frames.map(frame => frame[stage]!)
      const ofBoxes = frames.every(frame => isOfBoxes(stage, frame[stage]!, frame['boxes']))
      return [stage, ofBoxes ? joined(parts) : stacked(parts)]
    }),
  )
const dataOf = (parts: readonly Value[]): Float32Array => {
  const data = new Float32Array(parts.reduce((count, part) => count + part.data.length, 0))
  parts.reduce((at, part) => (data.set(part.data, at), at + part.data.length), 0)
  return data
}
/** Values joined along their first axis. */
export const joined = (parts: readonly Value[]): Value =>
  value([parts.reduce((rows, { shape }) => rows + shape[0]!, 0), ...parts[0]!.shape.slice(1)], dataOf(parts))
const stacked = (parts: readonly Value[]): Value => value([parts.length, ...parts[0]!.shape], dataOf(parts))

/** The ids of an answer, the logits that each was chosen by, and by how many standard deviations it was ahead of the second. */
export const rowStages = (generated: readonly number[], rows: readonly Value[]): Values => ({
  generated: value([generated.length], generated, 'index'),
  generated_logits: joined(rows),
  gap: value(
    [rows.length],
    rows.map(({ data }) => lead(Array.from(data))),
  ),
})
const lead = (row: readonly number[]): number => {
  const mean = row.reduce((a, b) => a + b, 0) / row.length
  const deviation = Math.sqrt(row.reduce((a, x) => a + (x - mean) ** 2, 0) / row.length)
  const [first, second] = row.toSorted((a, b) => b - a) as [number, number]
  return (first - second) / deviation
}
