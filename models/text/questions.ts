/**
 * A questions file: a list of questions about a picture, about a video, or about neither. Names of files in it are
 * relative to its folder.
 */
import { either as E } from 'fp-ts'
import * as t from 'io-ts'
import type { SluiceError } from '../../lib/errors.ts'
import { at, decodeJson, fieldErrors, type Problem, parseJson } from '../../lib/json.ts'

export type Question =
  | { readonly kind: 'picture'; readonly image: string; readonly boxes?: string; readonly prompt: string }
  | { readonly kind: 'video'; readonly video: readonly string[]; readonly boxes?: string; readonly prompt: string }
  | { readonly kind: 'text'; readonly prompt: string }

const record = t.intersection([
  t.type({ prompt: t.string }),
  t.partial({ image: t.string, video: t.readonlyArray(t.string), boxes: t.string }),
])
const list = t.readonlyArray(record, 'a list of questions')

const questionOf = ({ prompt, image, video, boxes }: t.TypeOf<typeof record>): Question => {
  const withBoxes = boxes === undefined ? {} : { boxes }
  if (image !== undefined) return { kind: 'picture', image, prompt, ...withBoxes }
  return video === undefined ? { kind: 'text', prompt } : { kind: 'video', video, prompt, ...withBoxes }
}

/** The questions in a file's text. `needBoxes`: the model reads boxes, so a picture or video without a box file is a mistake. */
export const readQuestions = (
  text: string,
  file: string,
  { needBoxes }: { readonly needBoxes: boolean },
): E.Either<SluiceError, readonly Question[]> => {
  const value = parseJson(text, file)
  if (E.isLeft(value)) return value
  const read = decodeJson(list, value.right, file)
  if (E.isLeft(read)) return read
  const problems = read.right.flatMap(({ image, video, boxes }, i): Problem[] => {
    const path = at('', i)
    if (image !== undefined && video !== undefined)
      return [{ path, message: 'expected an image or a video, found both' }]
    if (video?.length === 0) return [{ path: at(path, 'video'), message: 'expected at least one frame, found none' }]
    if (needBoxes && (image ?? video) !== undefined && boxes === undefined)
      return [
        { path: at(path, 'boxes'), message: 'expected the name of a box file (one with empty lists says: no boxes)' },
      ]
    return []
  })
  const [first, ...rest] = problems
  return first === undefined ? E.right(read.right.map(questionOf)) : E.left(fieldErrors(file, [first, ...rest]))
}
