/**
 * Stage 0 of the box projector: it learns the words for what is seen. The token of a thing in a crowd has to come close to the word that the
 * language model knows for it, with its place and digits, and closer to it than to any other word. ConvNeXt stays as it is by now, so it
 * looks at each thing once.
 */
import { either as E } from 'fp-ts'
import {
  compile,
  inputOf,
  loosely,
  scope,
  value,
  type AnyTensor,
  type Door,
  type Feeds,
  type Loose,
  type Tensor,
  type WeightSource,
} from '../../lib/index.ts'
import { withPlaces } from '../../models/box-merging.ts'
import { draws, type CrowdThing, type World } from '../../models/scenes/index.ts'
import type { ChatTokenizer } from '../../models/text/index.ts'
import { add, crossEntropy, einsum, iota, mseLoss, mul, rearrange, reduce, scale, sub } from '../../ops/index.ts'
import { done } from '../terminal.ts'
import {
  besidesWords,
  digitRows,
  digitsOn,
  placesOfBoxes,
  thingsIn,
  toldFeeds,
  wordsFor,
  wordsOf,
  written,
  type Grid,
} from './language.ts'
import { small } from './parts.ts'
import type { Corners } from './scenes.ts'
import { misread, readFeeds, seenSquares, side, thingsInSquares } from './towers.ts'

/** Squared distances to rows, negative, less what is common to them: of products of something with the rows, and the squares of these. */
const closeness = (products: AnyTensor, squares: AnyTensor): Loose =>
  loosely(() => sub)()(scale(2)(products as Loose), squares) as Loose

/** Of what ConvNeXt sees of things, [things, features]. */
export const namingLoss = (seen: Loose): Tensor<[]> => {
  const shape: Grid = [1, 'things']
  const features = loosely(rearrange)('n c -> 1 n c')(seen)
  const { width, vocabulary } = small.llm
  const project = scope('bbox_projector', small.boxProjector(width) as never)
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
  const others = [scale(0.2)(misread(like)), scale(0.5)(distance)] as readonly Tensor<[]>[]
  return others.reduce((sum, x) => add(sum, x), misnamed)
}
/** What a loss has to know of things besides what is seen of them. */
const knownFeeds = (tokenizer: ChatTokenizer, things: readonly CrowdThing[], boxes: readonly Corners[]): Feeds => {
  const told = { words: wordsFor(tokenizer, things), digits: things.map(({ text }) => written(text)) }
  return { ...readFeeds(things), ...toldFeeds([{ ...told, boxes: value([boxes.length, 4], boxes.flat()) }]) }
}
/** Crowds k, each thing somewhere on a picture. */
const crowds = (world: World, seed: number, k: number) => {
  const { feeds, things, boxes } = seenSquares(world, seed, k)
  const draw = draws(seed, k)
  const somewhere = boxes.map(([x1, y1, x2, y2]): Corners => {
    const [x, y] = [draw.between(0, small.imageSize - side), draw.between(0, small.imageSize - side)]
    return [x1 + x, y1 + y, x2 + x, y2 + y]
  })
  return { feeds, things, boxes: somewhere }
}

/** numbers that ConvNeXt gives of a box */
const featureWidth = small.convNext.widths.reduce((a, b) => a + b, 0)
/** A thing of a crowd, and what ConvNeXt sees of it. */
interface KeptThing {
  readonly thing: CrowdThing
  readonly box: Corners
  readonly features: Float32Array
}
const keepThings =
  (world: World, weights: WeightSource, seed: number, count: number): Door<readonly KeptThing[]> =>
  async () => {
    const program = await compile({ seen: thingsInSquares() }, { weights })()
    if (E.isLeft(program)) return program
    const kept: KeptThing[] = []
    let next = crowds(world, seed, 0)
    for (let k = 0; k < count; k++) {
      const { feeds, things, boxes } = next
      const running = program.right.run(feeds)()
      // drawn while these are looked at
      if (k + 1 < count) next = crowds(world, seed, k + 1)
      const ran = await running
      if (E.isLeft(ran)) return ran
      const seen = ran.right.seen!.data as Float32Array
      things.forEach((thing, i) =>
        kept.push({ thing, box: boxes[i]!, features: seen.slice(i * featureWidth, (i + 1) * featureWidth) }),
      )
    }
    program.right.dispose()
    return E.right(kept)
  }
const rows = 512
/** The things in so many batches of crowds, looked at once, when the first batch is made. */
export const naming = (world: World, tokenizer: ChatTokenizer, weights: WeightSource, seed: number, count: number) => {
  let looked: Promise<readonly KeptThing[]> | undefined
  const data = async (k: number): Promise<Feeds> => {
    looked ??= done(keepThings(world, weights, seed, count))
    const kept = await looked
    const draw = draws(seed, k)
    const some = Array.from({ length: rows }, () => draw.pick(kept))
    const features = new Float32Array(rows * featureWidth)
    some.forEach((one, i) => features.set(one.features, i * featureWidth))
    const known = knownFeeds(
      tokenizer,
      some.map(({ thing }) => thing),
      some.map(({ box }) => box),
    )
    return { ...known, features: value([rows, featureWidth], features) }
  }
  return { loss: namingLoss(inputOf('features', ['things', featureWidth]) as Loose), data }
}
