/**
 * What frozen towers give of pictures, kept in a folder: however many models learn from it, and however often they are stopped, towers
 * look at a picture once. Numbers are stored in 16 bits and read when a batch is made, so that memory holds a batch, not a data set.
 */
import { platform } from '#platform'
import { either as E, function as F, taskEither as TE } from 'fp-ts'
import { interrupted, trainingError, type Door, type SluiceError } from '../../lib/errors.ts'
import { value } from '../../lib/index.ts'
import { join } from '../../lib/weights/byte-source.ts'
import { readSafetensors, writeSafetensors } from '../../lib/weights/safetensors.ts'
import { floatTensor, type TensorFile } from '../../lib/weights/tensor-file.ts'
import type { Sample } from './answers.ts'
import type { Dataset, Samples } from './dataset.ts'
import type { KeptViews, OpenTowers, ViewedSample } from './views.ts'

/** A picture before towers have looked at it. */
export interface Unseen {
  /** what tells it, and its boxes, from others */
  readonly key: string
  readonly open: Door<Sample>
}
/** The pictures of some sets, each once. */
export const picturesOf = (sets: readonly Pick<Dataset, 'pictures' | 'sample'>[]): readonly Unseen[] => {
  const found = new Map<string, Unseen>()
  for (const { pictures, sample } of sets)
    pictures.forEach((key, k) => {
      if (key !== undefined && !found.has(key)) found.set(key, { key, open: sample(k) })
    })
  return [...found.values()]
}

export interface LookOptions {
  /** the views that are asked for: viewsAsked */
  readonly asked: readonly string[]
  /** opens towers that give those; not opened where all is kept */
  readonly towers: Door<OpenTowers>
  /** told how many pictures were seen so far */
  readonly onPictures?: (count: number) => void
  readonly signal?: AbortSignal
}
export interface ViewsFolder {
  /** What was given of a picture, of those views that are asked for, and its boxes. */
  readonly shotOf: (key: string, asked: readonly string[]) => Door<NonNullable<ViewedSample['shot']>>
}

/** Pictures that are looked at together and kept in one file: always the same ones, so that a view is the same bits in any run. */
const together = 8
const boxesName = 'boxes'
const nameOf = (i: number, view: string): string => `${i}.${view}`

/**
 * What towers give of pictures, from a folder, where it is put first if need be. Errors: those of the pictures, the towers and the
 * files; `interrupted` by the signal, between two files.
 */
export const keepViews =
  (folder: string, { asked, towers, onPictures, signal }: LookOptions) =>
  (pictures: readonly Unseen[]): Door<ViewsFolder> =>
  async () => {
    const listed = await platform.files.within(folder).list()
    if (E.isLeft(listed)) return listed
    const there = new Set(listed.right)
    const places = new Map<string, { readonly file: TensorFile; readonly i: number }>()
    let opened: OpenTowers | undefined
    try {
      for (let from = 0; from < pictures.length; from += together) {
        const group = pictures.slice(from, from + together)
        const name = `${from / together}.safetensors`
        let kept = there.has(name) ? await fileOf(folder, name)() : undefined
        if (kept === undefined || E.isLeft(kept) || !holds(kept.right, group, asked)) {
          if (signal?.aborted === true) return E.left(interrupted(`looking at pictures, after ${from},`))
          const open: E.Either<SluiceError, OpenTowers> = opened === undefined ? await towers() : E.right(opened)
          if (E.isLeft(open)) return open
          opened = open.right
          const written = await look(opened, group, join(folder, name))
          if (E.isLeft(written)) return written
          kept = await fileOf(folder, name)()
          if (E.isLeft(kept)) return kept
          onPictures?.(from + group.length)
        }
        const file = kept.right
        group.forEach(({ key }, i) => places.set(key, { file, i }))
      }
      return E.right({ shotOf: (key, names) => shotFrom(places.get(key), names) })
    } finally {
      opened?.dispose()
    }
  }

const fileOf = (folder: string, name: string): Door<TensorFile> =>
  F.pipe(platform.files.within(folder).open(name), TE.flatMap(readSafetensors))
const keysOf = (group: readonly Unseen[]): string => JSON.stringify(group.map(({ key }) => key))
const holds = ({ metadata, tensors }: TensorFile, group: readonly Unseen[], asked: readonly string[]): boolean =>
  metadata.get('pictures') === keysOf(group) && asked.every(view => tensors.has(nameOf(0, view)))

/** Looks at some pictures and writes what is seen. */
const look = async (
  towers: OpenTowers,
  group: readonly Unseen[],
  file: string,
): Promise<E.Either<SluiceError, void>> => {
  const samples: Sample[] = []
  for (const { open } of group) {
    const sample = await open()
    if (E.isLeft(sample)) return sample
    samples.push(sample.right)
  }
  const views = await towers.look(samples)()
  if (E.isLeft(views)) return views
  const tensors = views.right.flatMap((seen, i) => {
    const boxes = samples[i]!.shot?.boxes
    return [
      ...Object.entries(seen).map(([view, { shape, data }]) =>
        floatTensor(nameOf(i, view), shape, data as Float32Array, 'F16'),
      ),
      ...(boxes === undefined ? [] : [floatTensor(nameOf(i, boxesName), boxes.shape, boxes.data as Float32Array)]),
    ]
  })
  return platform.write(file, writeSafetensors(tensors, { pictures: keysOf(group) }))()
}

const shotFrom =
  (
    place: { readonly file: TensorFile; readonly i: number } | undefined,
    asked: readonly string[],
  ): Door<NonNullable<ViewedSample['shot']>> =>
  async () => {
    if (place === undefined) return E.left(trainingError('a picture is asked for that was not looked at'))
    const { file, i } = place
    const all = [...asked, ...(file.tensors.has(nameOf(i, boxesName)) ? [boxesName] : [])]
    const numbers = (view: string) => {
      const { shape, read } = file.tensors.get(nameOf(i, view))!
      return F.pipe(
        read,
        TE.map(data => [view, value(shape, data)] as const),
      )
    }
    const read = await F.pipe(all, TE.traverseArray(numbers))()
    if (E.isLeft(read)) return read
    const { [boxesName]: boxes, ...seen }: Readonly<Record<string, KeptViews[string]>> = Object.fromEntries(read.right)
    return E.right({ views: seen, ...(boxes === undefined ? {} : { boxes }) })
  }

/** The samples of a set with those views of their pictures that are asked for. */
export const viewedSamples = (
  { texts, lengths, pictures }: Pick<Dataset, 'texts' | 'lengths' | 'pictures'>,
  { shotOf }: ViewsFolder,
  asked: readonly string[],
): Samples<ViewedSample> => ({
  lengths,
  sample: k => {
    const [text, key] = [texts[k]!, pictures[k]]
    return key === undefined
      ? TE.right(text)
      : TE.map((shot: ViewedSample['shot'] & {}) => ({ ...text, shot }))(shotOf(key, asked))
  },
})
