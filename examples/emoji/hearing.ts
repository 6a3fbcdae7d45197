/**
 * The last of stage 0: the language model learns from objects as the box projector tells them, which is not as clearly as with words, and
 * the box projector to tell what is asked for. Scenes need not be painted for that: each is made of things that were seen in crowds. The
 * picture's tokens are left out, of which there are many and from which nothing of this can be learned.
 */
import { nonEmptyArray as NEA } from 'fp-ts'
import { inputOf, scope, value, type Loose } from '../../lib/index.ts'
import { withPlaces } from '../../models/box-merging.ts'
import { learningFrom, type Learning, type PlacedSample } from '../../models/learning/index.ts'
import { draws, type Thing } from '../../models/scenes/index.ts'
import { placesOfBoxes } from './language.ts'
import { featureWidth, type KeptThing } from './naming.ts'
import { small } from './parts.ts'
import type { ComposedScene } from './scenes.ts'

/** A scene of things that were seen elsewhere. */
export interface RecalledScene extends ComposedScene {
  readonly recalled: readonly KeptThing[]
}
/** What a thing is told by: a plate by how many digits it has, others by name and size. */
const kindOf = ({ label, size }: Thing, text: string | undefined): string =>
  label === 'number' ? `${label} ${text?.length}` : `${label} ${size}`
/**
 * The scenes with things of a memory in place of their own, alike in name and size; a plate has another number then. A scene with a thing
 * that none in the memory is like is left out.
 */
export const recalledScenes = (
  memory: readonly KeptThing[],
  scenes: readonly ComposedScene[],
  seed: number,
): readonly RecalledScene[] => {
  const kinds = NEA.groupBy(({ thing }: KeptThing) => kindOf(thing, thing.text))(memory as KeptThing[])
  return scenes.flatMap(({ k, scene, boxes }): readonly RecalledScene[] => {
    const draw = draws(seed, k)
    const alike = scene.things.map(thing => kinds[kindOf(thing, scene.number)])
    if (alike.includes(undefined)) return []
    const recalled = alike.map(some => draw.pick(some!))
    const number = recalled.find(({ thing }) => thing.text !== undefined)?.thing.text
    return [{ k, boxes, recalled, scene: { ...scene, number } }]
  })
}

/** A text about things that were seen: where they lie, and what ConvNeXt gave of them. */
export interface HeardSample extends PlacedSample {
  readonly shot: Required<NonNullable<PlacedSample['shot']>> & Pick<RecalledScene, 'recalled'>
}
export const heardThings = ({ boxes, recalled }: RecalledScene): HeardSample['shot'] => ({
  boxes: value([boxes.length, 4], boxes.flat()),
  recalled,
})
/** What is seen of objects, and where they lie, of several pictures, each with as many as the most have. */
export const hearing = (): Learning<HeardSample> => {
  const features = inputOf('features', ['pictures', 'boxes', featureWidth]) as Loose
  const project = scope('bbox_projector', small.boxProjector(small.llm.width) as never)
  const objects = project(withPlaces(features, placesOfBoxes(['pictures', 'boxes'])) as never) as Loose
  return learningFrom(small, { objects }, samples => {
    const most = Math.max(...samples.map(({ shot }) => shot.recalled.length))
    const seen = new Float32Array(samples.length * most * featureWidth)
    const boxes = new Float32Array(samples.length * most * 4)
    samples.forEach(({ shot }, i) => {
      shot.recalled.forEach((thing, n) => seen.set(thing.features, (i * most + n) * featureWidth))
      boxes.set(shot.boxes.data, i * most * 4)
    })
    return {
      features: value([samples.length, most, featureWidth], seen),
      boxes: value([samples.length, most, 4], boxes),
    }
  })
}
