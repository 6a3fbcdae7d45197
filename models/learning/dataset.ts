/**
 * Conversations about pictures, as LLaVA publishes them: a JSON list of samples, a folder of pictures, and a JSON list of boxes by the id
 * of the sample. Texts are encoded when the set is opened, pictures are read when their batch is made.
 */
import { platform } from '#platform'
import { either as E, function as F, taskEither as TE } from 'fp-ts'
import * as t from 'io-ts'
import { fileError, type Door } from '../../lib/errors.ts'
import { batches, lengthGroupedOrder, permutationsOf, type Batches, type Feeds } from '../../lib/index.ts'
import { at, decodeJson, parseJson } from '../../lib/json.ts'
import { join, textOf, type Folder } from '../../lib/weights/byte-source.ts'
import { shotOf, type Host } from '../answer/views.ts'
import { pictureIn } from '../pictures/index.ts'
import { readBoxes, type Detections } from '../boxes/index.ts'
import type { LoadedMgLlava } from '../load/index.ts'
import { strip, templates } from '../text/index.ts'
import type { Sample } from './answers.ts'
import { encodeTurns, marker, messageCodec, turnsOf, type Turn } from './conversation.ts'
import type { LabelledIds } from './splicing.ts'

export interface DatasetFiles {
  /** the list of samples */
  readonly conversations: string
  /** the folder of their pictures; that of the list unless said */
  readonly images?: string
  /** the list of boxes; needed where the model reads boxes and a sample has a picture */
  readonly boxes?: string
}
export interface DatasetOptions {
  /** ids of a text at most; 1472 unless said */
  readonly maxLength?: number
}
/** Samples in order, each made when it is asked for. */
export interface Samples<S = Sample> {
  /** ids of each sample, negative where it has no picture */
  readonly lengths: readonly number[]
  readonly sample: (k: number) => Door<S>
}
export interface Dataset extends Samples {
  readonly texts: readonly LabelledIds[]
  /** what tells the picture of each sample, and its boxes, from others; undefined where it has none */
  readonly pictures: readonly (string | undefined)[]
  /** samples that were left out, and why */
  readonly left: readonly { readonly id: string; readonly why: string }[]
}
/** A set of questions, a sample each. */
export interface QuestionSet extends Dataset {
  readonly questions: readonly Turn[]
}

const record = t.intersection([
  t.type({ conversations: t.readonlyArray(messageCodec) }),
  t.partial({ id: t.union([t.string, t.number]), image: t.string, family: t.string }),
])
const list = t.readonlyArray(record, 'a list of samples')
/** A conversation as it is read. */
interface Told {
  readonly id: string
  readonly image: string | undefined
  readonly turns: readonly Turn[]
  /** where in the list it stands */
  readonly place: string
}
/** A conversation that can be learned from. */
interface Found extends Told {
  readonly text: LabelledIds
}

const folderAt = (path: string): readonly [folder: string, file: string] => {
  const slash = path.lastIndexOf('/')
  return [slash < 0 ? '.' : path.slice(0, slash), path.slice(slash + 1)]
}
const textIn = (path: string): Door<string> => F.pipe(platform.files.open(path), TE.flatMap(textOf))

/** The conversations of a list; their turns are of the list's families. Errors: `field` and `format` of the list. */
const toldIn =
  (file: string): Door<readonly Told[]> =>
  async () => {
    const text = await textIn(file)()
    const value = E.isLeft(text) ? text : parseJson(text.right, file)
    const read = E.isLeft(value) ? value : decodeJson(list, value.right, file)
    if (E.isLeft(read)) return read
    const told: Told[] = []
    for (const [i, { id = i, image, family, conversations }] of read.right.entries()) {
      const place = at('', i)
      const turns = turnsOf(conversations)
      if (E.isLeft(turns)) return E.left(fileError('field', file, `${place}: ${turns.left.message}`))
      const kinds = family === undefined ? {} : { family }
      told.push({
        id: String(id),
        image: image === '' ? undefined : image,
        turns: turns.right.map(turn => ({ ...kinds, ...turn })),
        place,
      })
    }
    return E.right(told)
  }

/** Every question of a list with its answer, whatever it is about. Errors: `field` and `format` of the list. */
export const questionsIn = (file: string): Door<readonly Turn[]> =>
  TE.map((told: readonly Told[]) => told.flatMap(({ turns }) => turns))(toldIn(file))

interface Opened extends Dataset {
  readonly found: readonly Found[]
}
/** Encodes conversations for a model, and finds their boxes. */
const opened =
  (files: DatasetFiles, { maxLength = 1472 }: DatasetOptions, host: Pick<Host, 'decode'>, model: LoadedMgLlava) =>
  (told: readonly Told[]): Door<Opened> =>
  async () => {
    const encode = encodeTurns(model.tokenizer, templates[model.wiring.template], maxLength)
    const kept: Found[] = []
    const left: { readonly id: string; readonly why: string }[] = []
    for (const one of told) {
      const encoded = encode(one.turns)
      if (E.isLeft(encoded))
        return E.left(fileError('field', files.conversations, `${one.place}: ${encoded.left.message}`))
      if (!encoded.right.kept) left.push({ id: one.id, why: encoded.right.why })
      else kept.push({ ...one, text: { ids: encoded.right.ids, labels: encoded.right.labels } })
    }
    const boxes = await boxesOf(model, files.boxes, kept)()
    if (E.isLeft(boxes)) return boxes
    const images = platform.files.within(files.images ?? folderAt(files.conversations)[0])
    return E.right({
      found: kept,
      texts: kept.map(({ text }) => text),
      lengths: kept.map(({ image, text: { ids } }) => (image === undefined ? -ids.length : ids.length)),
      pictures: kept.map(({ id, image }) =>
        image === undefined ? undefined : JSON.stringify([join(images.name, image), boxes.right.get(id) ?? null]),
      ),
      left,
      sample: k => sampleOf(model, images, host, kept[k]!, boxes.right),
    })
  }

/** Opens a set for a model. Errors: `field` and `format` of the lists, `training` of a conversation that cannot be encoded. */
export const openDataset =
  (files: DatasetFiles, options: DatasetOptions = {}, host: Pick<Host, 'decode'> = platform) =>
  (model: LoadedMgLlava): Door<Dataset> =>
    F.pipe(toldIn(files.conversations), TE.flatMap(opened(files, options, host, model)))

/** Opens a set of which every question is asked by itself, about its conversation's picture if that has one. Errors: as above. */
export const openQuestions =
  (files: DatasetFiles, options: DatasetOptions = {}, host: Pick<Host, 'decode'> = platform) =>
  (model: LoadedMgLlava): Door<QuestionSet> =>
    F.pipe(
      toldIn(files.conversations),
      TE.map(told => told.flatMap(one => one.turns.map(turn => ({ ...one, turns: [byItself(turn, one.image)] })))),
      TE.flatMap(opened(files, options, host, model)),
      TE.map(set => ({ ...set, questions: set.found.map(({ turns }) => turns[0]!) })),
    )
const byItself = (turn: Turn, image: string | undefined): Turn => {
  const words = strip(turn.question.replaceAll(marker, ''))
  return { ...turn, question: image === undefined ? words : `${marker}\n${words}` }
}

const sampleOf = (
  model: LoadedMgLlava,
  images: Folder,
  host: Pick<Host, 'decode'>,
  { id, image, text }: Found,
  found: ReadonlyMap<string, Detections>,
): Door<Sample> =>
  image === undefined
    ? TE.right(text)
    : TE.map((picture: Parameters<typeof shotOf>[1]): Sample => ({
        ...text,
        shot: shotOf(model, picture, found.get(id), true),
      }))(pictureIn(images, host.decode, image))

const boxList = t.readonlyArray(t.type({ id: t.union([t.string, t.number]) }), 'a list of boxes by id')
/** What was found in each picture, by the id of its sample. */
const boxesOf =
  (model: LoadedMgLlava, file: string | undefined, kept: readonly Found[]): Door<ReadonlyMap<string, Detections>> =>
  async () => {
    const needed = 'boxes' in model.parts && kept.some(({ image }) => image !== undefined)
    if (!needed) return E.right(new Map())
    if (file === undefined)
      return E.left(fileError('field', model.folder.name, 'this model reads boxes: name a list of boxes'))
    const text = await textIn(file)()
    if (E.isLeft(text)) return text
    const value = parseJson(text.right, file)
    const records = E.isLeft(value) ? value : decodeJson(boxList, value.right, file)
    if (E.isLeft(records)) return records
    const byId = new Map(records.right.map((one, i) => [String(one.id), { one, i }]))
    const boxes = new Map<string, Detections>()
    for (const { id, image } of kept) {
      if (image === undefined) continue
      const known = byId.get(id)
      if (known === undefined)
        return E.left(fileError('field', file, `no boxes for '${id}' (an empty list says: none)`))
      const detections = readBoxes(JSON.stringify(known.one), `${file}${at('', known.i)}`)
      if (E.isLeft(detections)) return detections
      boxes.set(id, detections.right)
    }
    return E.right(boxes)
  }

export interface BatchingOptions {
  /** samples of a batch */
  readonly batch: number
  /** batches of an update; 1 unless said */
  readonly accumulate?: number
  /** how often every sample is seen; once unless said */
  readonly epochs?: number
  /** batches of like length, as MG-LLaVA's second stage has them; shuffled unless said */
  readonly byLength?: boolean
  readonly seed?: number
}

/** The order in which samples are seen: every epoch another. */
const orderOf = ({ lengths }: Pick<Samples, 'lengths'>, options: BatchingOptions, epoch: number): readonly number[] => {
  const { batch, accumulate = 1, byLength = false, seed = 0 } = options
  const permutation = permutationsOf(seed + epoch)
  return byLength
    ? lengthGroupedOrder(lengths, { batch: batch * accumulate }, permutation)[0]!
    : permutation(lengths.length)
}
/** A set as batches for a loss that is fed by `feeds`. The last batch of an epoch may be smaller. */
export const batchesOf = <S>(
  data: Samples<S>,
  feeds: (samples: readonly S[]) => Feeds,
  options: BatchingOptions,
): Batches => {
  const { batch, epochs = 1 } = options
  const perEpoch = Math.ceil(data.lengths.length / batch)
  const orders = new Map<number, readonly number[]>()
  const order = (epoch: number): readonly number[] => {
    const known = orders.get(epoch) ?? orderOf(data, options, epoch)
    orders.set(epoch, known)
    return known
  }
  return batches(epochs * perEpoch, async k => {
    const [epoch, at] = [Math.floor(k / perEpoch), k % perEpoch]
    const samples = await TE.traverseArray(data.sample)(order(epoch).slice(at * batch, (at + 1) * batch))()
    if (E.isLeft(samples)) throw new Error(samples.left.message)
    return feeds(samples.right)
  })
}
