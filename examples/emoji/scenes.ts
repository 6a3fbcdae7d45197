/** Scenes as the model sees them: both views, and boxes in pixels of the large one. */
import { either as E } from 'fp-ts'
import { nodeFolder } from '../../lib/node/files.ts'
import { decodePicture } from '../../lib/node/pictures.ts'
import type { Turn } from '../../models/learning/index.ts'
import { mgPicture, type Views } from '../../models/pictures/index.ts'
import { squareAround } from '../../models/pictures/picture.ts'
import {
  captionOf,
  openWorld,
  questionsOf,
  sceneOf,
  type SceneQuestion,
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
  readonly number: string | undefined
  readonly labels: readonly string[]
  /** of each thing, in pixels of the large view */
  readonly boxes: readonly Corners[]
  readonly questions: readonly SceneQuestion[]
  readonly caption: Turn
}

const views = mgPicture({ aux: small.imageSize, low: small.lowSize })

/** Scene k of a seed. */
export const seenScene = (world: World, split: Split, seed: number, k: number): SeenScene => {
  const scene = sceneOf(world, split, seed, k)
  const { side, left, top } = squareAround(scene.width, scene.height)
  const scale = small.imageSize / side
  return {
    ...views(scene.picture),
    number: scene.number,
    labels: scene.things.map(t => t.label),
    boxes: scene.things.map(({ box: [x1, y1, x2, y2] }) => [
      (x1 + left) * scale,
      (y1 + top) * scale,
      (x2 + left) * scale,
      (y2 + top) * scale,
    ]),
    questions: questionsOf(scene, world.index, seed, k),
    caption: captionOf(scene),
  }
}
