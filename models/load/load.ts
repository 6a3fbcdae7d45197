/**
 * A checkpoint folder as a user assembles it from public parts (a CLIP folder, an OpenCLIP ConvNeXt folder, a language
 * model, MG-LLaVA's own weights, and mg-llava.json that says how they fit) becomes a model with weights. Everything is
 * checked before a number is read, and everything that is wrong is told in one error. Numbers are read when they are needed.
 */
import { platform } from '#platform'
import { either as E, taskEither as TE } from 'fp-ts'
import type { Door, SluiceError } from '../../lib/errors.ts'
import { ShapeError, parameters, type Parameter } from '../../lib/index.ts'
import { join, textThrough, type Folder } from '../../lib/weights/byte-source.ts'
import { fitTensors } from '../../lib/weights/fit.ts'
import { openTensorFile, openWeights } from '../../lib/weights/open-weights.ts'
import type { TensorEntry, TensorFile } from '../../lib/weights/tensor-file.ts'
import { layersRun } from '../clip.ts'
import { mgLlava, type MgLlavaParts } from '../mg-llava.ts'
import {
  fitTemplate,
  readChatTokenizer,
  readTokenizer,
  templates,
  type ChatTokenizer,
  type Tokenizer,
} from '../text/index.ts'
import {
  clipConfigOf,
  clipProblems,
  readClip,
  readPreprocessor,
  wiringProblems,
  type PreprocessorFile,
} from './clip-files.ts'
import { convNextSizes } from './convnext-files.ts'
import { checked } from './fields.ts'
import { llamaConfigOf, readLlm } from './llm-files.ts'
import { nameInFile, partOf, parts as allParts, renames, whyIgnored, type Naming, type Part } from './names.ts'
import { partsOf } from './parts.ts'
import { allOf, together } from './together.ts'
import { readWiring, type Wiring } from './wiring.ts'

/** A model with weights, and what its host needs to ask it. */
export interface LoadedMgLlava {
  /** the folder, whose pictures and boxes a question may name */
  readonly folder: Folder
  readonly wiring: Wiring
  readonly statistics: PreprocessorFile
  readonly tokenizer: ChatTokenizer
  readonly parts: MgLlavaParts
  /** by the names of the model's parameters */
  readonly weights: ReadonlyMap<string, TensorEntry>
  readonly naming: Naming
  /** tensors of the files that the model does not use */
  readonly unused: readonly Unused[]
}
export interface Unused {
  readonly file: string
  readonly name: string
  /** why it is no surprise; undefined if it is one */
  readonly why: string | undefined
}

/** Opens a folder of parts, or the folder at a path; all that is wrong with it in one error. */
export const load =
  (where: Folder | string): Door<LoadedMgLlava> =>
  async () => {
    const folder = typeof where === 'string' ? platform.files.within(where) : where
    const wiring = await textThrough(folder, 'mg-llava.json', readWiring)()
    if (E.isLeft(wiring)) return wiring
    const { files, tokenizer } = readFiles(folder, wiring.right)
    const opened = await files()
    const fit = E.isLeft(opened) ? opened : fitted(folder, wiring.right, opened.right)
    const speaks = await tokenizer()
    const wrong = [fit, speaks].flatMap(result => (E.isLeft(result) ? [result.left] : []))
    if (E.isLeft(fit) || E.isLeft(speaks)) return E.left(allOf(wrong))
    return E.right({ ...fit.right, tokenizer: speaks.right })
  }

/** All files beside the wiring. None needs another to be read, save that ids are checked by the size of the vocabulary. */
const readFiles = (folder: Folder, wiring: Wiring) => {
  const [clip, llm] = [folder.within(wiring.clip), folder.within(wiring.llm)]
  const checkpoint = once(openTensorFile(folder, wiring.checkpoint))
  const llmConfig = once(textThrough(llm, 'config.json', readLlm))
  const tokenizer: Door<ChatTokenizer> = async () => {
    const config = await llmConfig()
    const rows = E.isRight(config) ? config.right.vocab_size : Infinity
    const plain = await textThrough(llm, 'tokenizer.json', (text, file) =>
      E.flatMap((read: Tokenizer) => fitTemplate(read, templates[wiring.template], file))(
        readTokenizer(text, file, rows),
      ),
    )()
    const withEnds = (text: string, file: string) =>
      E.flatMap((read: Tokenizer) => readChatTokenizer(read, text, file))(plain)
    return E.isLeft(plain) ? plain : textThrough(llm, 'tokenizer_config.json', withEnds)()
  }
  const llmWeights: Door<TensorFile | undefined> = async () => {
    const trained = await checkpoint()
    return E.isRight(trained) && holdsLlm(trained.right) ? E.right(undefined) : openWeights(llm)()
  }
  const files = together({
    clip: textThrough(clip, 'config.json', (text, file) => readClip(text, file, clipProblems(wiring))),
    statistics: textThrough(clip, 'preprocessor_config.json', (text, file) => readPreprocessor(text, file, wiring)),
    llm: llmConfig,
    clipWeights: openWeights(clip),
    convNextWeights: wiring.convnext === null ? TE.right(undefined) : openWeights(folder.within(wiring.convnext)),
    llmWeights,
    checkpoint,
  })
  return { files, tokenizer }
}
type Files = ReturnType<typeof readFiles>['files'] extends Door<infer A> ? A : never

const holdsLlm = ({ tensors }: TensorFile): boolean => [...tensors.keys()].some(name => name.startsWith('llm.'))
/** A door that is opened once, however often it is asked. */
const once = <A>(door: Door<A>): Door<A> => {
  let opened: ReturnType<Door<A>> | undefined
  return () => (opened ??= door())
}

/** The model of these files, every parameter with its tensor. */
const fitted = (
  folder: Folder,
  wiring: Wiring,
  files: Files,
): E.Either<SluiceError, Omit<LoadedMgLlava, 'tokenizer'>> => {
  const { clip, llm, statistics, convNextWeights } = files
  const fits = checked(join(folder.name, 'mg-llava.json'), undefined, wiringProblems(clip, wiring))
  if (E.isLeft(fits)) return fits
  const convNext = convNextWeights === undefined ? E.right(undefined) : convNextSizes(convNextWeights)
  if (E.isLeft(convNext)) return convNext
  const parts = partsOf(wiring, {
    clip: clipConfigOf(clip, wiring.select_layer),
    llm: llamaConfigOf(llm),
    convNext: convNext.right,
  })
  const wanted = parametersOf(parts, folder.name)
  if (E.isLeft(wanted)) return wanted
  const naming: Naming = {
    llmInCheckpoint: files.llmWeights === undefined,
    tied: llm.tie_word_embeddings === true,
    clipLayers: layersRun(parts.clip),
  }
  const table = renames(naming)
  const sources: Readonly<Record<Part, TensorFile | undefined>> = {
    clip: files.clipWeights,
    convnext: convNextWeights,
    llm: files.llmWeights,
    checkpoint: files.checkpoint,
  }
  const weights = new Map<string, TensorEntry>()
  const unused: Unused[] = []
  const wrong: SluiceError[] = []
  for (const part of allParts) {
    const file = sources[part]
    if (file === undefined) continue
    const here = wanted.right.filter(({ name }) => partOf(name, naming) === part)
    const named = here.map(({ name, shape }) => ({ name: nameInFile(name, table), shape: shape.map(Number) }))
    const found = fitTensors(file, named)
    if (E.isLeft(found)) wrong.push(found.left)
    else {
      here.forEach(({ name }, i) => weights.set(name, found.right.tensors.get(named[i]!.name)!))
      unused.push(...found.right.unused.map(name => ({ file: file.name, name, why: whyIgnored(part, name, naming) })))
    }
  }
  if (wrong.length > 0) return E.left(allOf(wrong))
  return E.right({ folder, wiring, statistics, parts, weights, naming, unused })
}

/** The parameters of the model of these parts, or why they make none; `where` is who named the parts. */
export const parametersOf = (parts: MgLlavaParts, where: string): E.Either<SluiceError, readonly Parameter[]> =>
  E.tryCatch(
    () => parameters(mgLlava(parts)),
    cause => ({
      kind: 'shape',
      message: `${where}: its parts make no model: ${(cause as Error).message}`,
      ...(cause instanceof ShapeError ? { error: cause } : {}),
    }),
  )

/** What was loaded from where, the names that differ, and what was left out: a short table for people. */
export const describeLoaded = ({ wiring, weights, naming, unused, folder }: LoadedMgLlava): string => {
  const files = tally([...weights.values()].map(({ file }) => file))
  const left = tally(unused.map(({ file, why }) => `${file}: ${why ?? 'not known'}`))
  const surprises = unused.filter(({ why }) => why === undefined).map(({ file, name }) => `  ${file}: ${name}`)
  return [
    `${folder.name}: ${wiring.fusion}, boxes ${wiring.boxes}, ${weights.size} tensors`,
    ...[...files].map(([file, count]) => `  ${file}: ${count}`),
    ...renames(naming).map(({ parameter, inFile, why }) => `  ${parameter} is ${inFile} there (${why})`),
    ...[...left].map(([what, count]) => `  left out of ${what}: ${count}`),
    ...(surprises.length > 0 ? ['  no part of this model:', ...surprises] : []),
  ].join('\n')
}
const tally = (words: readonly string[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}
