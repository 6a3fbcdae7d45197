/**
 * `sluice ablate CONFIG`: trains variants of one model with the same budget and several seeds, examines each, and compares them. Towers are
 * frozen and look at every picture once for all of them. Run it again and it goes on where it was stopped, at whatever moment that was.
 */
import { createHash } from 'node:crypto'
import { command, positional, string } from 'cmd-ts'
import { either as E, taskEither as TE } from 'fp-ts'
import * as t from 'io-ts'
import { several } from '../lib/errors.ts'
import { fileError, files, isTrained, parameters, type Door, type SluiceError } from '../lib/index.ts'
import { decodeJson, fieldErrors, parseJson, readJson, type Problem } from '../lib/json.ts'
import { writeInFolder } from '../lib/node/files.ts'
import { staysInside, textOf } from '../lib/weights/byte-source.ts'
import {
  keepViews,
  learningFromViews,
  load,
  markAll,
  openDataset,
  openExam,
  openQuestions,
  openTowers,
  picturesOf,
  questionsIn,
  rewiringCodec,
  rewiringFields,
  variantOf,
  viewedSamples,
  viewsAsked,
  type Dataset,
  type Learning,
  type LoadedMgLlava,
  type QuestionSet,
  type Rewiring,
  type Turn,
  type ViewedSample,
  type ViewsFolder,
} from '../models/index.ts'
import { ablationOf, ablationPage, ablationPlot, type Result } from './ablation-report.ts'
import { filesCodec, filesOf, learnStage, readingOf, seed, stageCodec, type Stage } from './stages.ts'
import { note, print, progress, signal } from './terminal.ts'

const variantCodec = t.intersection([t.type({ name: t.string }), rewiringCodec])
const configCodec = t.intersection([
  t.type({
    model: t.string,
    out: t.string,
    seeds: t.readonlyArray(seed),
    stages: t.readonlyArray(stageCodec),
    exam: filesCodec,
    variants: t.readonlyArray(variantCodec),
  }),
  t.partial({ initial: t.readonlyArray(t.string) }),
])
type Config = t.TypeOf<typeof configCodec>
type Variant = t.TypeOf<typeof variantCodec>

// ---- what is asked for ---------------------------------------------------------------------------------------------------
const repeated = (path: string, names: readonly string[]): readonly Problem[] =>
  names.flatMap((name, k) =>
    names.indexOf(name) < k ? [{ path: `${path}[${k}]`, message: `${name} is there twice` }] : [],
  )
const empty = (path: string, list: readonly unknown[]): readonly Problem[] =>
  list.length === 0 ? [{ path, message: 'expected one at least, found none' }] : []
const named = (path: string, list: readonly { readonly name: string }[]): readonly Problem[] => [
  ...empty(path, list),
  ...repeated(
    path,
    list.map(({ name }) => name),
  ),
  ...list.flatMap(({ name }, k) =>
    staysInside(name) && !/[\\/]/.test(name)
      ? []
      : [{ path: `${path}[${k}].name`, message: `expected the name of a folder, found ${JSON.stringify(name)}` }],
  ),
]
const problemsOf = ({ seeds, stages, variants }: Config): readonly Problem[] => [
  ...empty('seeds', seeds),
  ...repeated('seeds', seeds.map(String)),
  ...named('stages', stages),
  ...named('variants', variants),
  ...variants.flatMap((variant, k) =>
    Object.keys(variant)
      .filter(field => field !== 'name' && !rewiringFields.includes(field))
      .map(field => ({
        path: `variants[${k}].${field}`,
        message: `a variant has ${['name', ...rewiringFields].join(', ')}: all else is the same for all`,
      })),
  ),
]
const readConfig =
  (file: string): Door<Config> =>
  async () => {
    const text = await TE.flatMap(textOf)(files.open(file))()
    const value = E.isLeft(text) ? text : parseJson(text.right, file)
    const config = E.isLeft(value) ? value : decodeJson(configCodec, value.right, file)
    if (E.isLeft(config)) return config
    const [first, ...rest] = problemsOf(config.right)
    return first === undefined ? config : E.left(fieldErrors(file, [first, ...rest]))
  }
const rewiringOf = (variant: Variant): Rewiring => {
  const fields = rewiringFields.flatMap(field => (field in variant ? [[field, variant[field as keyof Variant]]] : []))
  return Object.fromEntries(fields) as Rewiring
}

/** A variant with its first seed: what is the same for all of its seeds. */
interface Composed {
  readonly variant: Variant
  readonly model: LoadedMgLlava
  readonly learning: Learning<ViewedSample>
  /** views of a picture that it asks for, and names of the parameters that it may train */
  readonly asked: readonly string[]
  readonly names: readonly string[]
}
const compose =
  (file: string, { variants, initial = [], seeds }: Config, k: number) =>
  (model: LoadedMgLlava, seed = seeds[0]!): E.Either<SluiceError, Composed> => {
    const variant = variants[k]!
    const options = { seed, initial, file, under: `variants[${k}]` }
    return E.map((composed: LoadedMgLlava): Composed => {
      const learning = learningFromViews(composed.parts)
      const names = parameters(learning.loss).map(({ name }) => name)
      return { variant, model: composed, learning, asked: viewsAsked(learning), names }
    })(variantOf(rewiringOf(variant), options)(model))
  }
const has = (names: readonly string[], block: string): boolean => names.some(name => isTrained([block], name))

/** Blocks that no variant has, and variants of which a stage trains nothing. */
const blockProblems = ({ stages, initial = [] }: Config, variants: readonly Composed[]): readonly Problem[] => {
  const unknown = (path: string, blocks: readonly string[]): readonly Problem[] =>
    blocks
      .filter(block => !variants.some(({ names }) => has(names, block)))
      .map(block => ({
        path,
        message: `no variant has a parameter in '${block}' (what towers give is kept, so that they cannot be trained)`,
      }))
  return [
    ...unknown('initial', initial),
    ...stages.flatMap(({ trainable }, s) => [
      ...unknown(`stages[${s}].trainable`, trainable),
      ...variants.flatMap(({ names, variant }) =>
        trainable.some(block => has(names, block))
          ? []
          : [{ path: `stages[${s}].trainable`, message: `nothing of ${variant.name} is trained` }],
      ),
    ]),
  ]
}

// ---- what a run is of ------------------------------------------------------------------------------------------------------
const identityCodec = t.type({ of: t.string, variants: t.record(t.string, t.UnknownRecord) })
/** Numbers of a tensor that are looked at to tell one starting folder from another. */
const someNumbers = 256

/** A fingerprint of all that is the same for all variants: the folder, the stages, the texts and boxes. */
const fingerprint =
  (config: Config, model: LoadedMgLlava, sets: readonly Dataset[]): Door<string> =>
  async () => {
    const hash = createHash('sha256')
    const { stages, exam, initial = [] } = config
    hash.update(JSON.stringify({ stages, exam, initial, wiring: model.wiring, statistics: model.statistics }))
    for (const { texts, pictures } of sets) hash.update(JSON.stringify([texts, pictures]))
    for (const [name, entry] of model.weights) {
      const count = entry.shape.reduce((a, b) => a * b, 1)
      const bytes = await entry.bytesRange(0, Math.min(someNumbers, count))()
      if (E.isLeft(bytes)) return bytes
      hash.update(name).update(bytes.right)
    }
    return E.right(hash.digest('hex'))
  }
const writeText = (file: string, text: string): Door<void> =>
  writeInFolder(file, [TE.right(new TextEncoder().encode(text))])
const textIfThere =
  (folder: string, name: string): Door<string | undefined> =>
  async () => {
    const found = files.within(folder)
    const there = await found.list()
    if (E.isLeft(there)) return there
    return there.right.includes(name) ? TE.flatMap(textOf)(found.open(name))() : E.right(undefined)
  }
/** Says what the folder's runs are of, or that they are of something else. */
const identify =
  ({ out, variants }: Config, of: string): Door<void> =>
  async () => {
    const file = `${out}/run.json`
    const next = `Next step: name another folder as 'out', or remove this one`
    const text = await textIfThere(out, 'run.json')()
    if (E.isLeft(text)) return text
    const before = text.right === undefined ? E.right(undefined) : readJson(identityCodec, text.right, file)
    if (E.isLeft(before)) return before
    const known = before.right?.variants ?? {}
    if (before.right !== undefined && before.right.of !== of) {
      const what = 'its runs have another model, other stages, or other conversations, pictures or boxes'
      return E.left(fileError('field', file, `${what}. ${next}`))
    }
    const asked = Object.fromEntries(variants.map(variant => [variant.name, rewiringOf(variant)]))
    const other = Object.keys(asked).find(
      name => known[name] !== undefined && JSON.stringify(known[name]) !== JSON.stringify(asked[name]),
    )
    if (other !== undefined)
      return E.left(
        fileError('field', file, `variants.${other}: its runs are of ${JSON.stringify(known[other])}. ${next}`),
      )
    return writeText(file, `${JSON.stringify({ of, variants: { ...known, ...asked } }, null, 2)}\n`)()
  }

// ---- a run -----------------------------------------------------------------------------------------------------------------
const resultCodec: t.Type<Result> = t.type({
  variant: t.string,
  seed: t.number,
  marks: t.string,
  trained: t.number,
  secondsPerStep: t.union([t.number, t.null]),
})
const resultName = 'result.json'

/** What all runs share. */
interface Shared {
  readonly stages: readonly { readonly stage: Stage; readonly set: Dataset }[]
  readonly questions: QuestionSet
  readonly views: ViewsFolder
}
/** Trains and examines a variant, or goes on with it. */
const runVariant =
  ({ stages, questions, views }: Shared, { variant, model, learning, asked, names }: Composed, seed: number) =>
  (folder: string): Door<Result> =>
  async () => {
    const title = `${variant.name} ${seed}`
    let time: { readonly seconds: number; readonly steps: number } = { seconds: 0, steps: 0 }
    let weights: E.Either<SluiceError, Pick<LoadedMgLlava, 'weights'>> = E.right({ weights: model.weights })
    const trained = new Set<string>()
    for (const { stage, set } of stages) {
      if (E.isLeft(weights)) return weights
      const trainable = stage.trainable.filter(block => has(names, block))
      names.filter(name => isTrained(trainable, name)).forEach(name => trained.add(name))
      const before = time
      let from: number | undefined
      const run = {
        stage: { ...stage, trainable },
        title: `${title} ${stage.name}`,
        seed,
        folder: `${folder}/${stage.name}`,
        onStep: ({ iteration, seconds }: { readonly iteration: number; readonly seconds: number }): void => {
          from ??= iteration - (stage.accumulate ?? 1)
          time = { seconds: before.seconds + seconds, steps: before.steps + iteration - from }
        },
      }
      weights = await learnStage(run, viewedSamples(set, views, asked), learning)(weights.right)()
    }
    if (E.isLeft(weights)) return weights
    const exam = await openExam(learning, { weights: weights.right.weights })()
    if (E.isLeft(exam)) return exam
    const bar = progress(`${title} exam`)
    const onMarked = (count: number): void => bar.at(count, questions.lengths.length, 'questions')
    const marked = await markAll(exam.right, { onMarked, signal })(viewedSamples(questions, views, asked))()
    bar.stop()
    exam.right.dispose()
    if (E.isLeft(marked)) return marked
    const result: Result = {
      variant: variant.name,
      seed,
      marks: marked.right.map(Number).join(''),
      trained: [...trained].reduce((sum, name) => sum + model.weights.get(name)!.shape.reduce((a, b) => a * b, 1), 0),
      secondsPerStep: time.steps === 0 ? null : time.seconds / time.steps,
    }
    const written = await writeText(`${folder}/${resultName}`, `${JSON.stringify(result)}\n`)()
    return E.isLeft(written) ? written : E.right(result)
  }
const finished =
  (folder: string): Door<Result | undefined> =>
  async () => {
    const text = await textIfThere(folder, resultName)()
    if (E.isLeft(text)) return text
    return text.right === undefined ? E.right(undefined) : readJson(resultCodec, text.right, `${folder}/${resultName}`)
  }

// ---- all of them -----------------------------------------------------------------------------------------------------------
const report =
  ({ out }: Config, questions: readonly Turn[], training: readonly Turn[], results: readonly Result[]): Door<string> =>
  async () => {
    const found = ablationOf(questions, training, results)
    const page = ablationPage(found)
    const texts = { json: `${JSON.stringify(found, null, 2)}\n`, svg: ablationPlot(found), md: page }
    for (const [kind, text] of Object.entries(texts)) {
      const written = await writeText(`${out}/ablation.${kind}`, text)()
      if (E.isLeft(written)) return written
    }
    return E.right(page)
  }

/** All doors one after the other; the first error ends it. */
const eachOf = <A>(doors: readonly Door<A>[]): Door<readonly A[]> => TE.sequenceSeqArray(doors as Door<A>[])

const ablateAll =
  (file: string): Door<boolean> =>
  async () => {
    const read = await readConfig(file)()
    if (E.isLeft(read)) return read
    const config = read.right
    const model = await load(config.model)()
    if (E.isLeft(model)) return model
    const composed = config.variants.map((_, k) => compose(file, config, k)(model.right))
    const [wrong, ...more] = composed.flatMap(one => (E.isLeft(one) ? [one.left] : []))
    if (wrong !== undefined) return E.left(several([wrong, ...more]))
    const variants = composed.flatMap(one => (E.isRight(one) ? [one.right] : []))
    const [problem, ...others] = blockProblems(config, variants)
    if (problem !== undefined) return E.left(fieldErrors(file, [problem, ...others]))

    // who uses boxes sees all that others see
    const seeing = (variants.find(one => 'boxes' in one.model.parts) ?? variants[0]!).model
    const sets = await eachOf(config.stages.map(stage => openDataset(filesOf(stage), readingOf(stage))(seeing)))()
    if (E.isLeft(sets)) return sets
    const exam = await openQuestions(filesOf(config.exam), readingOf(config.exam))(seeing)()
    if (E.isLeft(exam)) return exam
    const training = await eachOf(config.stages.map(({ conversations }) => questionsIn(conversations)))()
    if (E.isLeft(training)) return training
    if (exam.right.questions.length === 0)
      return E.left(fileError('field', config.exam.conversations, 'expected questions, found none'))
    const of = await fingerprint(config, model.right, [...sets.right, exam.right])()
    const same = E.isLeft(of) ? of : await identify(config, of.right)()
    if (E.isLeft(same)) return same

    const asked = [...new Set(variants.flatMap(one => one.asked))].sort()
    const pictures = picturesOf([...sets.right, exam.right])
    const bar = progress('pictures')
    const views = await keepViews(`${config.out}/views`, {
      asked,
      towers: openTowers(seeing.parts, asked, { weights: seeing.weights }),
      onPictures: count => bar.at(count, pictures.length, 'looked at'),
      signal,
    })(pictures)()
    bar.stop()
    if (E.isLeft(views)) return views

    const shared = {
      stages: config.stages.map((stage, s) => ({ stage, set: sets.right[s]! })),
      questions: exam.right,
      views: views.right,
    }
    const results: Result[] = []
    let page = ''
    for (const k of config.variants.keys())
      for (const seed of config.seeds) {
        const folder = `${config.out}/${config.variants[k]!.name}-${seed}`
        const before = await finished(folder)()
        if (E.isLeft(before)) return before
        const one = compose(file, config, k)(model.right, seed)
        if (E.isLeft(one)) return one
        const result = before.right === undefined ? await runVariant(shared, one.right, seed)(folder)() : before
        if (E.isLeft(result)) return result
        results.push(result.right!)
        const written = await report(config, exam.right.questions, training.right.flat(), results)()
        if (E.isLeft(written)) return written
        page = written.right
        const right = [...result.right!.marks].filter(mark => mark === '1').length
        note(`${config.variants[k]!.name}, seed ${seed}: ${right} of ${exam.right.questions.length} right`)
      }
    print(page.trimEnd())
    note(`${config.out}/ablation.md, .json and .svg are written`)
    return E.right(true)
  }

export const ablate = command({
  name: 'ablate',
  description: 'Train and examine variants of a model with several seeds; run it again to go on after an interruption',
  args: {
    config: positional({
      type: string,
      displayName: 'CONFIG',
      description: 'a JSON file: model, out, seeds, stages, exam, variants',
    }),
  },
  examples: [
    { description: 'Fusions and boxes on the emoji scenes', command: 'sluice ablate examples/emoji/ablation.json' },
  ],
  handler: ({ config }) => ablateAll(config),
})
