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
import { draws, splits, type World } from '../../models/scenes/index.ts'
import { clip } from '../../models/clip.ts'
import { convNext } from '../../models/convnext.ts'
import { pooledFeatures } from '../../models/objects.ts'
import { add, crossEntropy, gelu, rearrange, scale } from '../../ops/index.ts'
import { layerNorm, linear } from '../../ops/layers/index.ts'
import { small } from './parts.ts'
import { seenScene, type Corners, type SeenScene } from './scenes.ts'

/** Side of the squares that ConvNeXt learns from, and how many make a batch. */
const crop = 128
const crops = 32
const unlabelled = -100
/** a place that a number does not fill */
const blank = 10

const classifier = (name: string, classes: number) =>
  scope(name, (x: Loose): Loose => {
    const hidden = pipe(x, layerNorm('norm'), linear('fc1', 256), gelu)
    return linear('fc2', classes)(hidden) as Loose
  })
const surprise = (scores: Loose, labels: AnyTensor): Tensor<[]> => crossEntropy()(scores, labels as never)

/** The mean surprise at what is in boxes [things, 4], whose squares stand one below another. */
export const detailLoss = (world: World): Tensor<[]> => {
  const squares = inputOf('squares', [crops, 3, crop, crop])
  const boxes = inputOf('boxes', ['things', 4])
  const [things, digits] = [indexInput('labels', ['things']), indexInput('digits', ['things', 3])]
  const maps: readonly AnyTensor[] = convNext(small.convNext)(squares as Loose)
  const below = maps.map(map => loosely(rearrange)('b c h w -> c (b h) w')(map))
  const features = pooledFeatures({ bins: small.bins, size: [crop, crop] })(below, boxes)
  const named = surprise(classifier('things', world.index.concepts.length + 1)(features), things)
  const scores = classifier('digits', 3 * 11)(features)
  const apart = loosely(rearrange)('n (d c) -> (n d) c', { d: 3 })(scores)
  const read = surprise(apart, loosely(rearrange)('n d -> (n d)')(digits))
  return add(named, scale(0.5)(read))
}

const labelOf = ({ index }: World, name: string): number => {
  const at = index.concepts.findIndex(c => c.name === name)
  return at < 0 ? index.concepts.length : at
}

/** A place for a square around a thing: the whole thing is in it, where it fits. */
const corner = (
  [x1, y1, x2, y2]: Corners,
  between: (from: number, to: number) => number,
): readonly [number, number] => {
  const along = (low: number, high: number): number => {
    const [first, last] = [Math.max(0, Math.ceil(high) - crop), Math.min(Math.floor(low), small.imageSize - crop)]
    const middle = Math.min(Math.max(Math.round((low + high - crop) / 2), 0), small.imageSize - crop)
    return last >= first ? Math.floor(between(first, last + 1)) : middle
  }
  return [along(x1, x2), along(y1, y2)]
}

/** Batch k: squares around things of freshly made scenes, with all that lies in them. */
export const detailBatch = (world: World, seed: number, k: number): Feeds => {
  const draw = draws(seed, k)
  const perScene = 4
  const squares = new Float32Array(crops * 3 * crop * crop)
  const [boxes, labels, digits]: [number[], number[], number[]] = [[], [], []]
  const scenes = Array.from({ length: crops / perScene }, (_, s) =>
    seenScene(world, splits.train, seed, (k * crops) / perScene + s),
  )
  for (let n = 0; n < crops; n++) {
    const scene = scenes[Math.floor(n / perScene)] as SeenScene
    const chosen = draw.pick(scene.boxes)
    const [left, top] = corner(chosen, draw.between)
    for (let c = 0; c < 3; c++)
      for (let y = 0; y < crop; y++) {
        const from = (c * small.imageSize + top + y) * small.imageSize + left
        squares.set(scene.aux.subarray(from, from + crop), ((n * 3 + c) * crop + y) * crop)
      }
    scene.boxes.forEach((box, i) => {
      const [x1, y1, x2, y2] = [box[0] - left, box[1] - top, box[2] - left, box[3] - top]
      const inside = x1 > -2 && y1 > -2 && x2 < crop + 2 && y2 < crop + 2
      if (!inside && box !== chosen) return
      const shown = [x1, y1, x2, y2].map(v => Math.min(Math.max(v, 0), crop))
      boxes.push(shown[0]!, shown[1]! + n * crop, shown[2]!, shown[3]! + n * crop)
      const label = scene.labels[i]!
      labels.push(labelOf(world, label))
      const read = Array.from({ length: 3 }, (_, d) =>
        scene.number?.[d] === undefined ? blank : Number(scene.number[d]),
      )
      digits.push(...(label === 'number' ? read : [unlabelled, unlabelled, unlabelled]))
    })
  }
  return {
    squares: value([crops, 3, crop, crop], squares),
    boxes: value([labels.length, 4], boxes),
    labels: value([labels.length], labels, 'index'),
    digits: value([labels.length, 3], digits, 'index'),
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
      labels.push(at >= 0 ? labelOf(world, scene.labels[at]!) : draw.chance(1 / 8) ? nothing : unlabelled)
    }
  }
  return {
    image: value([pictures, 3, small.lowSize, small.lowSize], images),
    labels: value([labels.length], labels, 'index'),
  }
}
