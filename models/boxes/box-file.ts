/**
 * The box files that a detector leaves for a model to read: corners in source pixels, a score and a label for each
 * box. A file holds one picture's record, or one video's (a record for each frame), or a list of records with ids, as
 * MG-LLaVA publishes them. Source: PhoenixZ810/MG-LLaVA:mg_llava/bbox_generation/image_offline_to_bbox.py.
 */
import { either as E } from 'fp-ts'
import * as t from 'io-ts'
import type { SluiceError } from '../../lib/errors.ts'
import { at, brief, decodeJson, described, fieldErrors, parseJson, type Problem } from '../../lib/json.ts'

/** Whole numbers up to here are exact in float32, in which boxes are computed; no picture is that large. */
const farthest = 2 ** 24

const coordinate = described(`a number of pixels, at most ±${farthest}`, t.number, x => Math.abs(x) <= farthest)
type Box = readonly [x1: number, y1: number, x2: number, y2: number]
const corners = described('a box [x1, y1, x2, y2]', t.readonlyArray(coordinate), list => list.length === 4)
const box = corners as unknown as t.Type<Box, Box, unknown>
const score = described('a number', t.number, Number.isFinite)
const detections = t.readonly(
  t.type({
    boxes: t.readonlyArray(box, 'a list of boxes'),
    scores: t.readonlyArray(score, 'a list of scores'),
    labels: t.readonlyArray(described('text', t.string), 'a list of labels'),
  }),
)
const video = t.type({ frames: t.readonlyArray(detections, 'a list of frames') })
const entry = t.partial({ id: t.union([t.string, t.number]), video: t.string })

/** Boxes x1, y1, x2, y2 in pixels of the source picture, which may lie partly or wholly outside; a score and label for each. */
export type Detections = t.TypeOf<typeof detections>
export type RecordId = string | number

type Read<A> = E.Either<SluiceError, A>

/** A box, score and label belong together. */
const lengthProblems = (path: string, { boxes, scores, labels }: Detections): Problem[] =>
  Object.entries({ scores, labels }).flatMap(([name, list]) =>
    list.length === boxes.length
      ? []
      : [{ path: at(path, name), message: `expected one for each of ${boxes.length} boxes, found ${list.length}` }],
  )

/** The value of the file that is meant, and where it lies: the file itself, or the record of a list that has the id. */
const recordOf = (value: unknown, file: string, id: RecordId | undefined): Read<{ path: string; record: unknown }> => {
  const fail = (message: string) => E.left(fieldErrors(file, [{ path: '', message }]))
  if (!Array.isArray(value)) return E.right({ path: '', record: value })
  const records: readonly unknown[] = value
  if (id === undefined)
    return records.length === 1
      ? E.right({ path: '[0]', record: records[0] })
      : fail(`it lists ${records.length} records: say the id of the one that is meant`)
  const index = records.findIndex(record => {
    const decoded = entry.decode(record)
    return E.isRight(decoded) && String(decoded.right.id ?? decoded.right.video) === String(id)
  })
  return index < 0 ? fail(`no record has the id ${brief(id)}`) : E.right({ path: `[${index}]`, record: records[index] })
}

const readRecord = <A>(
  codec: t.Decoder<unknown, A>,
  text: string,
  file: string,
  id: RecordId | undefined,
  problemsOf: (path: string, record: A) => Problem[],
): Read<A> => {
  const value = parseJson(text, file)
  if (E.isLeft(value)) return value
  const found = recordOf(value.right, file, id)
  if (E.isLeft(found)) return found
  const { path, record } = found.right
  const decoded = decodeJson(codec, record, file, path)
  if (E.isLeft(decoded)) return decoded
  const [first, ...rest] = problemsOf(path, decoded.right)
  return first === undefined ? decoded : E.left(fieldErrors(file, [first, ...rest]))
}

/** The detections of a picture, from the text of its box file; `id` is needed if the file lists several records. */
export const readBoxes = (text: string, file: string, id?: RecordId): Read<Detections> =>
  readRecord(detections, text, file, id, lengthProblems)

/** The detections of each of `frames` frames of a video, from the text of its box file. */
export const readVideoBoxes = (
  text: string,
  file: string,
  frames: number,
  id?: RecordId,
): Read<readonly Detections[]> => {
  const read = readRecord(video, text, file, id, (path, record) => {
    const where = at(path, 'frames')
    const found = record.frames.length
    if (found !== frames) return [{ path: where, message: `expected one for each of ${frames} frames, found ${found}` }]
    return record.frames.flatMap((frame, i) => lengthProblems(at(where, i), frame))
  })
  return E.map((record: t.TypeOf<typeof video>) => record.frames)(read)
}
