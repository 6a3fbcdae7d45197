/**
 * From a folder to tensors, whatever form the weights in it have: one safetensors file, one PyTorch checkpoint, or an
 * index and its shards. The names tried are those under which Hugging Face and OpenCLIP publish weights.
 *
 * Source of the index format: huggingface/transformers, `WEIGHTS_INDEX_NAME`, `SAFE_WEIGHTS_INDEX_NAME`.
 */
import { either as E, function as F, taskEither as TE } from 'fp-ts'
import * as t from 'io-ts'
import { type Door, type SluiceError, fileError } from '../errors.ts'
import { at, brief, decodeJson, fieldErrors, parseJson } from '../json.ts'
import { type ByteSource, type Folder, join, missingFile, staysInside, textOf } from './byte-source.ts'
import { readSafetensors } from './safetensors.ts'
import { type TensorEntry, type TensorFile, unless } from './tensor-file.ts'
import { readTorch } from './torch-pickle.ts'

/** The names weights go by, in the order in which they are looked for. */
export const weightNames = [
  'model.safetensors',
  'model.safetensors.index.json',
  'open_clip_model.safetensors',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
  'open_clip_pytorch_model.bin',
] as const

/** The weights of a folder: the first of the candidates that is there. `missing file` names them all if none is. */
export const openWeights = (folder: Folder, candidates: readonly string[] = weightNames): Door<TensorFile> =>
  F.pipe(
    folder.list,
    TE.flatMap(present => {
      const file = candidates.find(candidate => present.includes(candidate))
      if (file !== undefined) return openTensorFile(folder, file)
      const found = present.length === 0 ? 'the folder is empty or absent' : `found ${present.join(', ')}`
      return TE.left(missingFile(folder.name, `expected weights in ${candidates.join(' or ')}; ${found}`))
    }),
  )

/** The tensors of one file, or of an index and the shards beside it; the name says which format it is in. */
export const openTensorFile = (folder: Folder, file: string): Door<TensorFile> => {
  const slash = file.lastIndexOf('/')
  if (slash > 0) return openTensorFile(folder.within(file.slice(0, slash)), file.slice(slash + 1))
  const read = file.endsWith('.index.json')
    ? (source: ByteSource) => readSharded(folder, source)
    : file.endsWith('.safetensors')
      ? readSafetensors
      : readTorch
  return F.pipe(folder.open(file), TE.flatMap(read))
}

const Index = t.type({ weight_map: t.UnknownRecord })

/** Tensor name to file name. */
type WeightMap = ReadonlyMap<string, string>

/** The map of an index; `field` where a file name is no text or leaves the folder. */
const weightMapOf = (name: string, text: string): E.Either<SluiceError, WeightMap> =>
  F.pipe(
    parseJson(text, name),
    E.flatMap(json => decodeJson(Index, json, name)),
    E.flatMap(({ weight_map }) => {
      const entries = Object.entries(weight_map)
      const [first, ...rest] = entries
        .filter(([, file]) => typeof file !== 'string' || !staysInside(file))
        .map(([tensor, file]) => ({
          path: at('weight_map', tensor),
          message: `expected the name of a file in this folder, found ${brief(file)}`,
        }))
      return first === undefined
        ? E.right(new Map(entries as [string, string][]))
        : E.left(fieldErrors(name, [first, ...rest]))
    }),
  )

/** All shards of an index as one file. Every missing shard and every tensor missing from its shard are reported together. */
const readSharded = (folder: Folder, index: ByteSource): Door<TensorFile> =>
  F.pipe(
    textOf(index),
    TE.flatMapEither(text => weightMapOf(index.name, text)),
    TE.bindTo('weightMap'),
    TE.bind('shards', ({ weightMap }) => TE.fromTask(openShards(folder, weightMap))),
    TE.flatMapEither(({ weightMap, shards }) => joined(folder, index.name, weightMap, shards)),
  )

type Shards = ReadonlyMap<string, E.Either<SluiceError, TensorFile>>

const openShards =
  (folder: Folder, weightMap: WeightMap): (() => Promise<Shards>) =>
  async () => {
    const shards = new Map<string, E.Either<SluiceError, TensorFile>>()
    for (const file of new Set(weightMap.values())) shards.set(file, await openShard(folder, file)())
    return shards
  }

/** A shard is a file of tensors: an index in an index would have no end. */
const openShard = (folder: Folder, file: string): Door<TensorFile> =>
  file.endsWith('.json')
    ? TE.left(fileError('field', join(folder.name, file), 'expected a file of tensors as a shard, found an index'))
    : openTensorFile(folder, file)

const joined = (
  folder: Folder,
  name: string,
  weightMap: WeightMap,
  shards: Shards,
): E.Either<SluiceError, TensorFile> => {
  const unreadable = [...shards.values()].flatMap(shard => (E.isLeft(shard) ? [shard.left] : []))
  const tensors = new Map<string, TensorEntry>()
  const absent: SluiceError[] = []
  for (const [tensor, file] of weightMap) {
    const shard = shards.get(file)
    if (shard === undefined || E.isLeft(shard)) continue
    const entry = shard.right.tensors.get(tensor)
    if (entry) tensors.set(tensor, entry)
    else
      absent.push(
        fileError('missing tensor', join(folder.name, file), `${tensor} is not there, although ${name} says so`),
      )
  }
  const metadata = [...shards.values()].flatMap(shard => (E.isRight(shard) ? [...shard.right.metadata] : []))
  return unless([...unreadable, ...absent], name, () => ({ name, tensors, metadata: new Map(metadata) }))
}
