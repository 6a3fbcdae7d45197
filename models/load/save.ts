/**
 * A model with what it learned as a folder that `load` opens, in the layout that it was loaded from: every part's weights under their
 * published names, with the texts that lie beside them. transformers, OpenCLIP and MG-LLaVA read their parts of it.
 */
import { platform } from '#platform'
import { either as E, taskEither as TE } from 'fp-ts'
import type { Door, SluiceError } from '../../lib/errors.ts'
import { join, textOf, type Folder } from '../../lib/weights/byte-source.ts'
import { writeSafetensors } from '../../lib/weights/safetensors.ts'
import { floatTensor, type TensorEntry } from '../../lib/weights/tensor-file.ts'
import type { LoadedMgLlava } from './load.ts'
import { nameInFile, partOf, renames, type Part } from './names.ts'
import type { Wiring } from './wiring.ts'

export interface SaveOptions {
  /** how numbers that were learned are stored; as F32 unless said. Others stay as they were. */
  readonly dtype?: 'F32' | 'F16' | 'BF16'
}
const checkpointFile = 'mg_llava.safetensors'
/** The files that the weights of every part are saved in. */
export const weightFiles = ({ clip, convnext, llm }: Pick<Wiring, 'clip' | 'convnext' | 'llm'>) =>
  ({
    clip: join(clip, 'model.safetensors'),
    convnext: convnext === null ? undefined : join(convnext, 'open_clip_model.safetensors'),
    llm: join(llm, 'model.safetensors'),
    checkpoint: checkpointFile,
  }) satisfies Readonly<Record<Part, string | undefined>>

/** Writes a model into a folder. Errors: `write`, and those of reading what was not learned. */
export const save =
  (folder: string, { dtype = 'F32' }: SaveOptions = {}) =>
  (model: LoadedMgLlava): Door<void> =>
  async () => {
    const { wiring, naming } = model
    // what was one matrix may be two after learning
    const own = { ...naming, tied: false }
    const files = weightFiles(wiring)
    const inFiles = new Map<string, TensorEntry[]>()
    for (const [name, entry] of model.weights) {
      const file = files[partOf(name, own)]!
      const stored = await storedAs(entry, dtype)()
      if (E.isLeft(stored)) return stored
      inFiles.set(file, [...(inFiles.get(file) ?? []), { ...stored.right, name: nameInFile(name, renames(own)) }])
    }
    for (const [file, entries] of inFiles) {
      const written = await platform.write(join(folder, file), writeSafetensors(entries, { format: 'pt' }))()
      if (E.isLeft(written)) return written
    }
    const parts = [wiring.clip, wiring.llm, ...(wiring.convnext === null ? [] : [wiring.convnext])]
    for (const part of parts) {
      const copied = await copyTexts(model.folder.within(part), join(folder, part), naming.tied && part === wiring.llm)
      if (E.isLeft(copied)) return copied
    }
    // last: a folder without it is no model
    const text = `${JSON.stringify({ ...wiring, checkpoint: checkpointFile }, null, 2)}\n`
    return platform.write(join(folder, 'mg-llava.json'), [TE.right(new TextEncoder().encode(text))])()
  }

/** A tensor as it was, or, where its numbers are in memory alone because they were learned, in this dtype. */
const storedAs =
  (entry: TensorEntry, dtype: 'F32' | 'F16' | 'BF16'): Door<TensorEntry> =>
  async () => {
    if (entry.file !== 'memory' || dtype === entry.dtype) return E.right(entry)
    const data = await entry.read()
    return E.isLeft(data) ? data : E.right(floatTensor(entry.name, entry.shape, data.right as Float32Array, dtype))
  }

/** The JSON and text files of a part. Where one matrix became two, its config says so. */
const copyTexts = async (from: Folder, to: string, untied: boolean): Promise<E.Either<SluiceError, void>> => {
  const names = await from.list()
  if (E.isLeft(names)) return names
  for (const name of names.right) {
    if (!/\.(json|txt|model)$/.test(name) || name.endsWith('.index.json')) continue
    const source = await from.open(name)()
    if (E.isLeft(source)) return source
    const bytes = await source.right.read(0, source.right.size)()
    if (E.isLeft(bytes)) return bytes
    const text = untied && name === 'config.json' ? await textOf(source.right)() : undefined
    if (text !== undefined && E.isLeft(text)) return text
    const piece =
      text === undefined
        ? bytes.right
        : new TextEncoder().encode(
            `${JSON.stringify({ ...(JSON.parse(text.right) as object), tie_word_embeddings: false }, null, 2)}\n`,
          )
    const written = await platform.write(join(to, name), [TE.right(piece)])()
    if (E.isLeft(written)) return written
  }
  return E.right(undefined)
}
