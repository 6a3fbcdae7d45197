/**
 * Stage 0: both towers learn to see this world, each with a small head that is thrown away afterwards. ConvNeXt learns what is in a box
 * (which of 96 things, and the digits of a number) from the features that MG-LLaVA will read of it; CLIP what lies under each of its
 * tokens. The paper's towers come trained from elsewhere; these do not.
 */
import {
  indexInput,
  inputOf,
  loosely,
  pipe,
  scope,
  value,
  type AnyTensor,
  type Feeds,
  type Loose,
  type Tensor,
} from '../../lib/index.ts'
import { draws, splits, type CrowdThing, type World } from '../../models/scenes/index.ts'
import { clip } from '../../models/clip.ts'
import { convNext } from '../../models/convnext.ts'
import { pooledFeatures } from '../../models/objects.ts'
import { add, crossEntropy, gelu, rearrange, scale } from '../../ops/index.ts'
import { layerNorm, linear } from '../../ops/layers/index.ts'
import { small } from './parts.ts'
import { seenCrowd, seenScene, type Corners } from './scenes.ts'

/** How many squares of how many pixels make a batch that ConvNeXt learns from. */
const squares = 20
export const side = 160
const unlabelled = -100
/** a place that a number does not fill */
const blank = 10
/** The digits of a number, first place first. */
export const digitsOf = (text: string): readonly number[] => [0, 1, 2].map(d => Number(text[d] ?? blank))

/** A head that reads features [..., width] as classes. */
export const classifier = (name: string, classes: number) =>
  scope(name, (x: Loose): Loose => {
    const hidden = pipe(x, layerNorm('norm'), linear('fc1', 256), gelu)
    return linear('fc2', classes)(hidden) as Loose
  })
const surprise = (scores: Loose, labels: AnyTensor): Tensor<[]> => crossEntropy()(scores, labels as never)
/** The mean surprise at the digits of plates, of scores for every place [things, 3, 11]. */
export const misread = (scores: Loose): Tensor<[]> => {
  const digits = indexInput('read', ['things', 3])
  const apart = loosely(rearrange)('n d c -> (n d) c')(scores)
  return surprise(apart, loosely(rearrange)('n d -> (n d)')(digits))
}
/** What `misread` needs. */
export const readFeeds = (things: readonly CrowdThing[]): Feeds => {
  const nothing = [unlabelled, unlabelled, unlabelled]
  return {
    read: value(
      [things.length, 3],
      things.flatMap(({ text }) => (text === undefined ? nothing : digitsOf(text))),
      'index',
    ),
  }
}

/** What ConvNeXt sees of things in squares that stand one below another, [things, features]. */
export const thingsInSquares = (): Loose => {
  const pixels = inputOf('squares', [squares, 3, side, side])
  const boxes = inputOf('corners', ['things', 4])
  const maps: readonly AnyTensor[] = convNext(small.convNext)(pixels as Loose)
  const below = maps.map(map => loosely(rearrange)('b c h w -> c (b h) w')(map))
  return pooledFeatures({ bins: small.bins, size: [side, side] })(below, boxes)
}
/** The mean surprise at what the things in squares are; that at the digits of a plate counts `digitsShare` of it. */
export const detailLoss = (world: World, digitsShare: number): Tensor<[]> => {
  const features = thingsInSquares()
  const things = indexInput('labels', ['things'])
  const named = surprise(classifier('things', world.index.concepts.length + 1)(features), things)
  const scores = classifier('digits', 3 * 11)(features)
  const apart = loosely(rearrange)('n (d c) -> n d c', { d: 3 })(scores)
  return add(named, scale(digitsShare)(misread(apart as Loose)))
}

const labelOf = ({ index }: World, name: string): number => {
  const at = index.concepts.findIndex(c => c.name === name)
  return at < 0 ? index.concepts.length : at
}

/** Squares of crowds, and of all things in them where they lie and what they are. */
export interface SquaresSeen {
  readonly feeds: Feeds
  readonly things: readonly CrowdThing[]
  /** of each thing, in pixels of its square */
  readonly boxes: readonly Corners[]
}
/** Squares k of a seed. */
export const seenSquares = (world: World, seed: number, k: number): SquaresSeen => {
  const pixels = new Float32Array(squares * 3 * side * side)
  const crowds = Array.from({ length: squares }, (_, n) => seenCrowd(world, seed, k * squares + n, side))
  crowds.forEach((crowd, n) => pixels.set(crowd.pixels, n * crowd.pixels.length))
  const corners = crowds.flatMap(({ boxes }, n) =>
    boxes.flatMap(([x1, y1, x2, y2]) => [x1, y1 + n * side, x2, y2 + n * side]),
  )
  return {
    feeds: {
      squares: value([squares, 3, side, side], pixels),
      corners: value([corners.length / 4, 4], corners),
    },
    things: crowds.flatMap(({ things }) => things),
    boxes: crowds.flatMap(({ boxes }) => boxes),
  }
}
/** Batch k: squares full of things. */
export const detailBatch = (world: World, seed: number, k: number): Feeds => {
  const { feeds, things } = seenSquares(world, seed, k)
  return {
    ...feeds,
    ...readFeeds(things),
    labels: value(
      [things.length],
      things.map(({ label }) => labelOf(world, label)),
      'index',
    ),
  }
}

const pictures = 8
const grid = small.lowSize / small.clip.patch

/** The mean surprise at what lies under each token of CLIP. */
export const tokensLoss = (world: World): Tensor<[]> => {
  const images = inputOf('image', [pictures, 3, small.lowSize, small.lowSize])
  const labels = indexInput('labels', [pictures * grid * grid] as never)
  const tokens = loosely(rearrange)('p n c -> (p n) c')(clip(small.clip)(images as Loose))
  return pipe(tokens, classifier('tokens', world.index.concepts.length + 2), scores => surprise(scores, labels))
}

/** Batch k: low-resolution views, and what lies under the middle of each token; of the places with nothing, one in eight. */
export const tokensBatch = (world: World, seed: number, k: number): Feeds => {
  const draw = draws(seed, k)
  const nothing = world.index.concepts.length + 1
  const images = new Float32Array(pictures * 3 * small.lowSize ** 2)
  const labels: number[] = []
  for (let p = 0; p < pictures; p++) {
    const scene = seenScene(world, splits.train, seed, k * pictures + p)
    images.set(scene.low, p * 3 * small.lowSize ** 2)
    const step = small.imageSize / grid
    for (let token = 0; token < grid * grid; token++) {
      const [x, y] = [((token % grid) + 0.5) * step, (Math.floor(token / grid) + 0.5) * step]
      const at = scene.boxes.findIndex(
        ([x1, y1, x2, y2]) => x1 - step / 2 < x && x < x2 + step / 2 && y1 - step / 2 < y && y < y2 + step / 2,
      )
      labels.push(at >= 0 ? labelOf(world, scene.scene.things[at]!.label) : draw.chance(1 / 8) ? nothing : unlabelled)
    }
  }
  return {
    image: value([pictures, 3, small.lowSize, small.lowSize], images),
    labels: value([labels.length], labels, 'index'),
  }
}
