/**
 * Stage 0 of the language model: it learns this world's language before it sees anything. Things stand in its texts as the words for them,
 * each with its place, and a plate with its digits; what the projectors have to learn afterwards is to say what they see in these words.
 */
import {
  indexInput,
  inputOf,
  loosely,
  param,
  scope,
  table,
  value,
  type AnyTensor,
  type Dim,
  type Feeds,
  type Loose,
  type Value,
} from '../../lib/index.ts'
import { boxPositions } from '../../models/box-positions.ts'
import { learningFrom, type Learning, type PlacedSample } from '../../models/learning/index.ts'
import { embed } from '../../models/index.ts'
import type { Thing } from '../../models/scenes/index.ts'
import { mlp2 } from '../../models/projector.ts'
import type { ChatTokenizer } from '../../models/text/index.ts'
import { add, concat, mul, reduce, scale, sub, take } from '../../ops/index.ts'
import { small } from './parts.ts'
import type { ComposedScene } from './scenes.ts'
import { digitsOf } from './towers.ts'

/** Things as words: the word for each, the digits written on it, and its box. */
export interface ToldThings {
  readonly words: readonly number[]
  readonly digits: readonly (readonly number[])[]
  readonly boxes: Value
}
/** A text about things that are words. */
export interface ToldSample extends PlacedSample {
  readonly shot: ToldThings
}
/** of what is no plate */
const noPlate = 33
/** The rows of digitRows for a text on a thing. */
export const written = (text: string | undefined): readonly number[] =>
  text === undefined ? [noPlate, noPlate, noPlate] : digitsOf(text).map((digit, d) => 11 * d + digit)
/** The ids of the words for things. */
export const wordsFor = (tokenizer: ChatTokenizer, things: readonly Thing[]): readonly number[] =>
  things.map(({ label }) => tokenizer.encode(label)[0]!)
export const toldThings = (tokenizer: ChatTokenizer, { scene, boxes }: ComposedScene): ToldThings => ({
  boxes: value([boxes.length, 4], boxes.flat()),
  words: wordsFor(tokenizer, scene.things),
  digits: scene.things.map(({ label }) => written(label === 'number' ? scene.number : undefined)),
})

/** Pictures, and the most things of one. */
export type Grid = readonly [pictures: Dim, things: Dim]
/** Where things lie, [pictures, boxes, 4]: cx, cy, w, h, each over the picture's width or height. */
export const placesOfBoxes = (shape: Grid): Loose =>
  boxPositions(small.imageSize, small.imageSize)(inputOf('boxes', [...shape, 4]) as Loose) as Loose
/** What is usual for a thing of a scene, and how far others are from it: [4] each. */
export const usual = { place: [0.5, 0.5, 0.15, 0.15], deviation: [0.24, 0.24, 0.07, 0.07] }
/** The words for things, [pictures, boxes, width], and for all ids of the vocabulary. */
export const wordsOf = (ids: AnyTensor): Loose => scope('llm', embed(small.llm))(ids as never) as Loose
export const thingsIn = (shape: Grid): AnyTensor => indexInput('things', [...shape] as never)
/** What is told of a digit at each of three places, [33, width]. */
export const digitRows = (): Loose =>
  scope('told', () => param('digits', [noPlate, small.llm.width], { init: 'normal', std: 0.2 }))() as Loose
/** What is told of the digits on things, [pictures, boxes, 3, width]: nothing, where there are none. */
export const digitsOn = (shape: Grid): Loose => {
  const nothing = table(new Array<number>(small.llm.width).fill(0), [1, small.llm.width])
  const rows = loosely(concat)(0)(digitRows(), nothing) as Loose
  return take(0)(rows, indexInput('digits', [...shape, 3] as never) as never) as Loose
}
/**
 * What is told of things besides their words, [pictures, boxes, width]: parameters `told.{places,digits}`. Where a thing lies counts as much
 * as what it is: places are told by how far they are from the usual one.
 */
export const besidesWords = (shape: Grid): Loose => {
  const away = loosely(() => sub)()(placesOfBoxes(shape), table(usual.place, [4]))
  const perDeviation = usual.deviation.map(d => 1 / d)
  const unusual = loosely(() => mul)()(away, table(perDeviation, [4])) as Loose
  const place = scale(1.5)(scope('told.places', mlp2(small.llm.width as Dim) as never)(unusual as never) as Loose)
  return loosely(() => add)()(place, loosely(reduce)('sum', 'p n d w -> p n w')(digitsOn(shape))) as Loose
}
/** Objects as words, [pictures, boxes, width]. */
const objectsAsWords = (shape: Grid): Loose =>
  loosely(() => add)()(wordsOf(thingsIn(shape)), besidesWords(shape)) as Loose
/** Things of several pictures, each with as many as the most have. */
export const toldFeeds = (pictures: readonly ToldThings[]): Feeds => {
  const most = Math.max(...pictures.map(({ words }) => words.length))
  const things = new Int32Array(pictures.length * most)
  const digits = new Int32Array(3 * things.length).fill(noPlate)
  const boxes = new Float32Array(4 * things.length)
  pictures.forEach((told, i) => {
    things.set(told.words, i * most)
    digits.set(told.digits.flat(), 3 * i * most)
    boxes.set(told.boxes.data, 4 * i * most)
  })
  const grid = [pictures.length, most] as const
  return {
    things: value(grid, things, 'index'),
    digits: value([...grid, 3], digits, 'index'),
    boxes: value([...grid, 4], boxes),
  }
}
/** The language model as it learns from objects that are words. */
export const language = (): Learning<ToldSample> =>
  learningFrom(small, { objects: objectsAsWords(['pictures', 'boxes']) }, samples =>
    toldFeeds(samples.map(({ shot }) => shot)),
  )
