/** Scenes as the model sees them: both views, and boxes in pixels of the large one. */
import { either as E } from 'fp-ts'
import { nodeFolder } from '../../lib/node/files.ts'
import { decodePicture } from '../../lib/node/pictures.ts'
import { mgPicture, type Views } from '../../models/pictures/index.ts'
import { squareAround } from '../../models/pictures/picture.ts'
import {
  crowdOf,
  openWorld,
  sceneOf,
  splits,
  type CrowdThing,
  type Scene,
  type Split,
  type World,
} from '../../models/scenes/index.ts'
import { small } from './parts.ts'

/** The emoji of examples/data; backgrounds are plain colours, gradients and noise. */
export const readWorld = async (): Promise<World> => {
  const sheets = new URL('../data/emoji', import.meta.url).pathname
  const world = await openWorld(nodeFolder(sheets), decodePicture)()
  if (E.isLeft(world)) throw new Error(world.left.message)
  return world.right
}

export type Corners = readonly [x1: number, y1: number, x2: number, y2: number]
export interface SeenScene extends Views {
  readonly scene: Scene
  /** of each thing, in pixels of the large view */
  readonly boxes: readonly Corners[]
}

const views = mgPicture({ aux: small.imageSize, low: small.lowSize })

/** A square of things, `side` pixels of a large view. */
export interface SeenCrowd {
  /** [3, side, side] */
  readonly pixels: Float32Array
  readonly things: readonly CrowdThing[]
  /** of each thing, in pixels of the square */
  readonly boxes: readonly Corners[]
}
/** Crowd k of a seed. */
export const seenCrowd = (world: World, seed: number, k: number, side: number): SeenCrowd => {
  const { picture, things } = crowdOf(world, splits.train, seed, k, { side, canvas: small.imageSize })
  const scale = side / picture.width
  return {
    pixels: mgPicture({ aux: side, low: 1 })(picture).aux,
    things,
    boxes: things.map(({ box: [x1, y1, x2, y2] }) => [x1 * scale, y1 * scale, x2 * scale, y2 * scale]),
  }
}

/** Where the things of a scene lie on the large view. */
export const cornersOf = ({ width, height, things }: Scene): readonly Corners[] => {
  const { side, left, top } = squareAround(width, height)
  const scale = small.imageSize / side
  return things.map(({ box: [x1, y1, x2, y2] }) => [
    (x1 + left) * scale,
    (y1 + top) * scale,
    (x2 + left) * scale,
    (y2 + top) * scale,
  ])
}
/** Scene k of a seed. */
export const seenScene = (world: World, split: Split, seed: number, k: number): SeenScene => {
  const { paint, ...scene } = sceneOf(world, split, seed, k)
  return { ...views(paint()), scene, boxes: cornersOf(scene) }
}

/** A scene that nobody looks at. */
export interface ComposedScene {
  /** which of its seed */
  readonly k: number
  readonly scene: Scene
  readonly boxes: readonly Corners[]
}
/** The first `count` scenes of a seed, without their pixels. */
export const composedScenes = (world: World, split: Split, seed: number, count: number): readonly ComposedScene[] =>
  Array.from({ length: count }, (_none, k) => {
    const { paint: _paint, ...scene } = sceneOf(world, split, seed, k)
    return { k, scene, boxes: cornersOf(scene) }
  })
