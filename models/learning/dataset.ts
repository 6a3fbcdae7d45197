/**
 * Conversations about pictures, as LLaVA publishes them: a JSON list of samples, a folder of pictures, and a JSON list of boxes by the id
 * of the sample. Texts are encoded when the set is opened, pictures are read when their batch is made.
 */
import { platform } from '#platform'
import { either as E, function as F, taskEither as TE } from 'fp-ts'
import * as t from 'io-ts'
import { fileError, type Door, type SluiceError } from '../../lib/errors.ts'
import { batches, lengthGroupedOrder, permutationsOf, type Batches, type Feeds } from '../../lib/index.ts'
import { at, decodeJson, parseJson } from '../../lib/json.ts'
import { textOf, type Folder } from '../../lib/weights/byte-source.ts'
import { shotOf, type Host } from '../answer/views.ts'
import { pictureIn } from '../pictures/index.ts'
import { readBoxes, type Detections } from '../boxes/index.ts'
import type { LoadedMgLlava } from '../load/index.ts'
import { templates } from '../text/index.ts'
import type { Sample } from './answers.ts'
import { encodeConversation, messageCodec } from './conversation.ts'
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
export interface Dataset {
  /** ids of each sample, negative where it has no picture */
  readonly lengths: readonly number[]
  /** samples that were left out, and why */
  readonly left: readonly { readonly id: string; readonly why: string }[]
  readonly sample: (k: number) => Door<Sample>
}

const record = t.intersection([
  t.type({ conversations: t.readonlyArray(messageCodec) }),
  t.partial({ id: t.union([t.string, t.number]), image: t.string }),
])
const list = t.readonlyArray(record, 'a list of samples')
interface Found {
  readonly id: string
  readonly image: string | undefined
  readonly text: LabelledIds
}

const folderAt = (path: string): readonly [folder: string, file: string] => {
  const slash = path.lastIndexOf('/')
  return [slash < 0 ? '.' : path.slice(0, slash), path.slice(slash + 1)]
}
const textIn = (path: string): Door<string> => F.pipe(platform.files.open(path), TE.flatMap(textOf))

/** Opens a set for a model. Errors: `field` and `format` of the lists, `training` of a conversation that cannot be encoded. */
export const openDataset =
  (files: DatasetFiles, { maxLength = 1472 }: DatasetOptions = {}, host: Pick<Host, 'decode'> = platform) =>
  (model: LoadedMgLlava): Door<Dataset> =>
  async () => {
    const text = await textIn(files.conversations)()
    if (E.isLeft(text)) return text
    const value = parseJson(text.right, files.conversations)
    if (E.isLeft(value)) return value
    const read = decodeJson(list, value.right, files.conversations)
    if (E.isLeft(read)) return read
    const encode = encodeConversation(model.tokenizer, templates[model.wiring.template], maxLength)
    const kept: Found[] = []
    const left: { readonly id: string; readonly why: string }[] = []
    for (const [i, { id = i, image, conversations }] of read.right.entries()) {
      const encoded = encode(conversations)
      if (E.isLeft(encoded)) {
        const where = at('', i)
        return E.left(fileError('field', files.conversations, `${where}: ${encoded.left.message}`))
      }
      const picture = image === '' ? undefined : image
      if (!encoded.right.kept) left.push({ id: String(id), why: encoded.right.why })
      else kept.push({ id: String(id), image: picture, text: encoded.right })
    }
    const found = await boxesOf(model, files.boxes, kept)()
    if (E.isLeft(found)) return found
    const images = platform.files.within(files.images ?? folderAt(files.conversations)[0])
    return E.right({
      lengths: kept.map(({ image, text: { ids } }) => (image === undefined ? -ids.length : ids.length)),
      left,
      sample: k => sampleOf(model, images, host, kept[k]!, found.right),
    })
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
const orderOf = ({ lengths }: Dataset, options: BatchingOptions, epoch: number): readonly number[] => {
  const { batch, accumulate = 1, byLength = false, seed = 0 } = options
  const permutation = permutationsOf(seed + epoch)
  return byLength
    ? lengthGroupedOrder(lengths, { batch: batch * accumulate }, permutation)[0]!
    : permutation(lengths.length)
}
/** A set as batches for a loss that is fed by `feeds`. The last batch of an epoch may be smaller. */
export const batchesOf = (
  data: Dataset,
  feeds: (samples: readonly Sample[]) => Feeds,
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
    const samples: Sample[] = []
    for (const i of order(epoch).slice(at * batch, (at + 1) * batch)) {
      const made: E.Either<SluiceError, Sample> = await data.sample(i)()
      if (E.isLeft(made)) throw new Error(made.left.message)
      samples.push(made.right)
    }
    return feeds(samples)
  })
}
