/**
 * Stage 0 of the language model: it learns this world's language before it sees anything. Things stand in its texts as the words for them,
 * each with its place, and a plate with its digits; what the projectors have to learn afterwards is to say what they see in these words.
 */
import { indexInput, inputOf, loosely, param, pipe, scope, value, type Dim, type Loose } from '../../lib/index.ts'
import { boxPositions, positionEncoding } from '../../models/box-positions.ts'
import { learningFrom, type Learning, type PlacedSample } from '../../models/learning/index.ts'
import { embed } from '../../models/index.ts'
import { mlp2 } from '../../models/projector.ts'
import type { ChatTokenizer } from '../../models/text/index.ts'
import { add, rearrange, reduce, scale, take } from '../../ops/index.ts'
import { small } from './parts.ts'
import type { ComposedScene } from './scenes.ts'

/** A text, and of each thing in it its word and the digits written on it. */
export interface ToldSample extends PlacedSample {
  readonly words: readonly number[]
  readonly digits: readonly (readonly number[])[]
}
/** a place without a digit, and what is no plate */
const [blank, noPlate] = [10, 33]
export const toldSample = (
  tokenizer: ChatTokenizer,
  { scene, boxes }: ComposedScene,
): Omit<ToldSample, 'ids' | 'labels'> => ({
  shot: { boxes: value([boxes.length, 4], boxes.flat()) },
  words: scene.things.map(({ label }) => tokenizer.encode(label)[0]!),
  digits: scene.things.map(({ label }) =>
    [0, 1, 2].map(d => (label === 'number' ? 11 * d + Number(scene.number![d] ?? blank) : noPlate)),
  ),
})

const encoded = positionEncoding({ features: 16 })
/** Objects as words, [pictures, boxes, width]: parameters `told.{places,digits}`. */
const objectsAsWords = (): Loose => {
  const shape = ['pictures', 'boxes'] as const
  const word = scope('llm', embed(small.llm))(indexInput('things', [...shape]) as never) as Loose
  const places = boxPositions(small.imageSize, small.imageSize)(inputOf('boxes', [...shape, 4]) as Loose)
  const waves = loosely(rearrange)('p n q k -> p n (q k)')(encoded(places as Loose))
  return scope('told', (x: Loose): Loose => {
    // a wave is at most 1, so three times of it: where a thing lies counts as much as what it is
    const place = pipe(x, scale(3), scope('places', mlp2(small.llm.width as Dim) as never)) as Loose
    const table = param('digits', [noPlate + 1, small.llm.width], { init: 'normal', std: 0.1 }) as Loose
    const written = loosely(reduce)('sum', 'p n d w -> p n w')(
      take(0)(table, indexInput('digits', [...shape, 3]) as never),
    )
    return loosely(() => add)()(loosely(() => add)()(word, place), written as Loose)
  })(waves as Loose)
}
/** The language model as it learns from objects that are words. */
export const language = (): Learning<ToldSample> =>
  learningFrom(small, { objects: objectsAsWords() }, samples => {
    const most = Math.max(...samples.map(({ words }) => words.length))
    const things = new Int32Array(samples.length * most)
    const digits = new Int32Array(3 * things.length).fill(noPlate)
    const boxes = new Float32Array(4 * things.length)
    samples.forEach((sample, i) => {
      things.set(sample.words, i * most)
      digits.set(sample.digits.flat(), 3 * i * most)
      boxes.set(sample.shot!.boxes!.data, 4 * i * most)
    })
    const shape = [samples.length, most] as const
    return {
      things: value(shape, things, 'index'),
      digits: value([...shape, 3], digits, 'index'),
      boxes: value([...shape, 4], boxes),
    }
  })
