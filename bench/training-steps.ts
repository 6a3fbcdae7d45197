/**
 * What bench/training.ts makes steps of, for all that take part: two losses of examples/emoji with their first weights and one batch each, and
 * the optimizer. ConvNeXt sees squares of noise, since what is on them does not change what a step costs.
 */
import { taskEither as TE } from 'fp-ts'
import { join } from 'node:path'
import {
  constantRate,
  indexInput,
  inputOf,
  loosely,
  parameters,
  value,
  type AnyTensor,
  type Feeds,
  type Loose,
  type Parameter,
  type Tensor,
  type Value,
} from 'sluice'
import { convNext } from 'sluice/models'
import { adamW, crossEntropy, reduce } from 'sluice/ops'
import { initialWeights } from '../examples/emoji/folder.ts'
import { language, toldThings, usual } from '../examples/emoji/language.ts'
import { batchOf, conversation, questions } from '../examples/emoji/lessons.ts'
import { small } from '../examples/emoji/parts.ts'
import { composedScenes, readWorld } from '../examples/emoji/scenes.ts'
import { classifier } from '../examples/emoji/towers.ts'
import { chatTokenizer } from '../examples/emoji/words.ts'
import { initialValues, randomBits } from '../lib/graph/initial.ts'
import { writeInFolder } from '../lib/node/files.ts'
import { writeSafetensors } from '../lib/weights/safetensors.ts'
import { floatTensor, wholeTensor, type TensorEntry } from '../lib/weights/tensor-file.ts'
import { splits } from '../models/scenes/index.ts'
import { opened } from './measure.ts'

/** As the stages of examples/emoji/train.ts. */
const rule = { rate: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01, clip: 1 } as const
const { rate, clip, ...rest } = rule
export const options = { optimizer: adamW({ lr: constantRate(rate), ...rest }), clip }
/** Where update k, counted from 1, stands: a batch each. */
export const momentOf = (k: number) => ({ step: k, rate, share: 1, first: true, ends: true })

export interface Lesson {
  readonly loss: Tensor<[]>
  readonly weights: ReadonlyMap<string, TensorEntry>
  readonly feeds: Feeds
  /** blocks that may be computed again for their gradients */
  readonly blocks: string
  /** what those who do not share this code have to know of the model */
  readonly facts: Readonly<Record<string, unknown>>
}
export type LessonName = 'detail' | 'language'

/** First weights of the parameters of a loss: those that the emoji model begins with, where they are its own. */
const weightsOf = (loss: Tensor<[]>): Lesson['weights'] => {
  const known = initialWeights(1)
  const made = ({ name, shape, init }: Parameter): TensorEntry =>
    floatTensor(name, shape.map(Number), initialValues(init, name, shape.map(Number), 1))
  return new Map(parameters(loss).map(one => [one.name, known.get(one.name) ?? made(one)]))
}

const squares = [20, 3, 160, 160] as const
const classes = 97
const detail = async (): Promise<Lesson> => {
  const maps: readonly AnyTensor[] = convNext(small.convNext)(inputOf('squares', [...squares]) as Loose)
  const features = loosely(reduce)('mean', 'b c h w -> b c')(maps[3]!)
  const scores = classifier('things', classes)(features)
  const loss = crossEntropy()(scores, indexInput('labels', [squares[0]]) as never)
  const pixels = Float32Array.from(
    { length: squares.reduce<number>((a, b) => a * b, 1) },
    (_, i) => randomBits(7, i) / 2 ** 31 - 1,
  )
  const labels = Array.from({ length: squares[0] }, (_, i) => randomBits(8, i) % classes)
  return {
    loss,
    weights: weightsOf(loss),
    feeds: { squares: value(squares, pixels), labels: value([squares[0]], labels, 'index') },
    blocks: 'blocks',
    facts: { depths: small.convNext.depths },
  }
}

/** rows of a batch, questions in each */
const [rows, asked] = [16, 4]
const languageLesson = async (): Promise<Lesson> => {
  const world = await readWorld()
  const tokenizer = await opened(async () => chatTokenizer(world.index))
  const { loss, feeds } = language()
  const scenes = batchOf(world, composedScenes(world, splits.train, 1, rows), 1)(questions(asked), rows)(0)
  const samples = scenes.map(scene => ({ ...conversation(tokenizer, scene.turns), shot: toldThings(tokenizer, scene) }))
  const { heads, headWidth, layers, theta, eps } = small.llm
  return {
    loss,
    weights: weightsOf(loss),
    feeds: feeds(samples),
    blocks: 'layers',
    facts: { llm: { heads, headWidth, layers, theta, eps }, imageSize: small.imageSize, usual },
  }
}
export const lessons: Readonly<Record<LessonName, () => Promise<Lesson>>> = { detail, language: languageLesson }

/** Leaves a lesson in a folder for those who do not share this code: `case.json`, `weights.safetensors`, `feeds.safetensors`. */
export const leave = async (folder: string, loss: LessonName, { weights, feeds, facts }: Lesson): Promise<void> => {
  const tensorOf = ([name, { shape, data }]: readonly [string, Value]): TensorEntry =>
    data instanceof Float32Array ? floatTensor(name, shape, data) : wholeTensor(name, shape, Int32Array.from(data))
  const given = Object.entries(feeds) as readonly (readonly [string, Value])[]
  const text = new TextEncoder().encode(JSON.stringify({ loss, optimizer: rule, ...facts }))
  await opened(writeInFolder(join(folder, 'case.json'), [TE.right(text)]))
  await opened(writeInFolder(join(folder, 'weights.safetensors'), writeSafetensors(weights.values())))
  await opened(writeInFolder(join(folder, 'feeds.safetensors'), writeSafetensors(given.map(tensorOf))))
}
