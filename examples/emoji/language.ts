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
  type Tensor,
  type Value,
} from '../../lib/index.ts'
import { withPlaces } from '../../models/box-merging.ts'
import { boxPositions } from '../../models/box-positions.ts'
import { learningFrom, type Learning, type PlacedSample } from '../../models/learning/index.ts'
import { embed } from '../../models/index.ts'
import { draws, type Thing, type World } from '../../models/scenes/index.ts'
import { mlp2 } from '../../models/projector.ts'
import type { ChatTokenizer } from '../../models/text/index.ts'
import {
  add,
  concat,
  crossEntropy,
  einsum,
  iota,
  mseLoss,
  mul,
  rearrange,
  reduce,
  scale,
  sub,
  take,
} from '../../ops/index.ts'
import { small } from './parts.ts'
import type { ComposedScene } from './scenes.ts'
import { digitsOf, misread, readFeeds, seenSquares, side, thingsInSquares } from './towers.ts'

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
const written = (text: string | undefined): readonly number[] =>
  text === undefined ? [noPlate, noPlate, noPlate] : digitsOf(text).map((digit, d) => 11 * d + digit)
const wordsFor = (tokenizer: ChatTokenizer, things: readonly Thing[]): readonly number[] =>
  things.map(({ label }) => tokenizer.encode(label)[0]!)
export const toldThings = (tokenizer: ChatTokenizer, { scene, boxes }: ComposedScene): ToldThings => ({
  boxes: value([boxes.length, 4], boxes.flat()),
  words: wordsFor(tokenizer, scene.things),
  digits: scene.things.map(({ label }) => written(label === 'number' ? scene.number : undefined)),
})

/** Pictures, and the most things of one. */
type Grid = readonly [pictures: Dim, things: Dim]
/** Where things lie, [pictures, boxes, 4]: cx, cy, w, h, each over the picture's width or height. */
const placesOfBoxes = (shape: Grid): Loose =>
  boxPositions(small.imageSize, small.imageSize)(inputOf('boxes', [...shape, 4]) as Loose) as Loose
/** What is usual for a thing of a scene, and how far others are from it: [4] each. */
export const usual = { place: [0.5, 0.5, 0.15, 0.15], deviation: [0.24, 0.24, 0.07, 0.07] }
/** The words for things, [pictures, boxes, width], and for all ids of the vocabulary. */
const wordsOf = (ids: AnyTensor): Loose => scope('llm', embed(small.llm))(ids as never) as Loose
const thingsIn = (shape: Grid): AnyTensor => indexInput('things', [...shape] as never)
const digitRows = (): Loose =>
  scope('told', () => param('digits', [noPlate, small.llm.width], { init: 'normal', std: 0.2 }))() as Loose
/** What is told of the digits on things, [pictures, boxes, 3, width]: nothing, where there are none. */
const digitsOn = (shape: Grid): Loose => {
  const nothing = table(new Array<number>(small.llm.width).fill(0), [1, small.llm.width])
  const rows = loosely(concat)(0)(digitRows(), nothing) as Loose
  return take(0)(rows, indexInput('digits', [...shape, 3] as never) as never) as Loose
}
/**
 * What is told of things besides their words, [pictures, boxes, width]: parameters `told.{places,digits}`. Where a thing lies counts as much
 * as what it is: places are told by how far they are from the usual one.
 */
const besidesWords = (shape: Grid): Loose => {
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
const toldFeeds = (pictures: readonly ToldThings[]): Feeds => {
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

/**
 * The last of stage 0: ConvNeXt and the box projector learn the words for what is seen. The token of a thing in a crowd has to come close to
 * the word that the language model knows for it, with its place and digits, and closer to it than to any other word.
 */
export const namingLoss = (): Tensor<[]> => {
  const shape: Grid = [1, 'things']
  const features = loosely(rearrange)('n c -> 1 n c')(thingsInSquares())
  const { width, vocabulary } = small.llm
  const project = scope('bbox_projector', mlp2(width as Dim) as never)
  const tokens = project(withPlaces(features, placesOfBoxes(shape)) as never) as Loose
  const [ids, besides] = [thingsIn(shape), besidesWords(shape)]
  const told = loosely(() => add)()(wordsOf(ids), besides)
  const distance = scale(width)(loosely(() => mseLoss())()(tokens, told) as Loose)

  // what is left of a token without its thing's place and digits, to all words
  const left = loosely(rearrange)('p n w -> (p n) w')(loosely(() => sub)()(tokens, besides))
  const words = wordsOf(iota(vocabulary))
  const near = closeness(
    loosely(einsum)('n w, v w -> n v')(left, words),
    loosely(reduce)('sum', 'v w -> v')(mul(words, words)),
  )
  const misnamed = crossEntropy()(near, loosely(rearrange)('p n -> (p n)')(ids) as never)

  // and without all but one of the digits, to those that could be at its place
  const off = loosely(rearrange)('p n w -> (p n) 1 w')(loosely(() => sub)()(tokens, told))
  const but = loosely(() => add)()(off, loosely(rearrange)('p n d w -> (p n) d w')(digitsOn(shape)))
  const digits = loosely(rearrange)('(d v) w -> d v w', { d: 3 })(digitRows()) as Loose
  const like = closeness(
    loosely(einsum)('n d w, d v w -> n d v')(but, digits),
    loosely(reduce)('sum', 'd v w -> d v')(mul(digits, digits)),
  )
  return [misread(like), scale(0.1)(distance) as Tensor<[]>].reduce((sum, x) => add(sum, x), misnamed)
}
/** Squared distances, negative and less what is common to them: of products of something with rows, and the squares of these. */
const closeness = (products: AnyTensor, squares: AnyTensor): Loose =>
  loosely(() => sub)()(scale(2)(products as Loose), squares) as Loose

/** Batch k: crowds, each somewhere on a picture. */
export const namingBatch = (world: World, tokenizer: ChatTokenizer, seed: number, k: number): Feeds => {
  const { feeds, things, boxes } = seenSquares(world, seed, k)
  const draw = draws(seed, k)
  const somewhere = boxes.flatMap(([x1, y1, x2, y2]) => {
    const [x, y] = [draw.between(0, small.imageSize - side), draw.between(0, small.imageSize - side)]
    return [x1 + x, y1 + y, x2 + x, y2 + y]
  })
  const told = { words: wordsFor(tokenizer, things), digits: things.map(({ text }) => written(text)) }
  return { ...feeds, ...readFeeds(things), ...toldFeeds([{ ...told, boxes: value([things.length, 4], somewhere) }]) }
}
