/**
 * What the whole model learns from: captions in stage 1, questions in stage 2. Every scene is one conversation about one picture. The towers
 * are frozen by then, so they look at each scene once.
 */
import { either as E, taskEither as TE } from 'fp-ts'
import { value, type Door } from '../../lib/index.ts'
import {
  encodeTurns,
  keepViews,
  type LabelledIds,
  type LookOptions,
  type Sample,
  type Turn,
  type Unseen,
  type ViewedSample,
  type ViewsFolder,
} from '../../models/learning/index.ts'
import {
  captionOf,
  captionOrders,
  draws,
  existsOf,
  questionsOf,
  type Family,
  type Scene,
  type Split,
  type World,
} from '../../models/scenes/index.ts'
import { templates, type ChatTokenizer } from '../../models/text/index.ts'
import { small } from './parts.ts'
import { composedScenes, seenScene, type ComposedScene, type SeenScene } from './scenes.ts'

/** A scene without its pixels, and what the towers gave of it. */
export interface KeptScene extends ComposedScene {
  readonly shot: Door<NonNullable<ViewedSample['shot']>>
}
/** What the towers are shown of a scene. */
export const shotOf = ({ low, aux, boxes }: SeenScene): NonNullable<Sample['shot']> => ({
  image: value([3, small.lowSize, small.lowSize], low),
  detail: value([3, small.imageSize, small.imageSize], aux),
  boxes: value([boxes.length, 4], boxes.flat()),
})

/** The first `count` scenes of a seed, with what towers give of them kept in a folder. Errors: those of keepViews. */
export const keptScenes =
  (world: World, folder: string, options: LookOptions) =>
  (split: Split, seed: number, count: number): Door<readonly KeptScene[]> => {
    const keyOf = (k: number): string => `${seed}/${k}`
    const pictures = Array.from({ length: count }, (_, k): Unseen => {
      const open: Unseen['open'] = async () =>
        E.right({ ids: [], labels: [], shot: shotOf(seenScene(world, split, seed, k)) })
      return { key: keyOf(k), open }
    })
    return TE.map(({ shotOf: kept }: ViewsFolder) =>
      composedScenes(world, split, seed, count).map(told => ({ ...told, shot: kept(keyOf(told.k), options.asked) })),
    )(keepViews(folder, options)(pictures))
  }

/** A conversation about a picture, which stands before its first question, as ids. */
export const conversation = (tokenizer: ChatTokenizer, turns: readonly Turn[]): LabelledIds => {
  const withPicture = turns.map((turn, i) => (i === 0 ? { ...turn, question: `<image>\n${turn.question}` } : turn))
  const encoded = encodeTurns(tokenizer, templates.vicuna, small.llm.positions)(withPicture)
  if (E.isLeft(encoded) || !encoded.right.kept) throw new Error('a conversation about a scene has nothing to learn')
  return encoded.right
}

/** What is asked about scene k, in one epoch. */
export type Lesson = (scene: Scene, world: World, epoch: number, k: number) => readonly Turn[]
/** What is there, in one of three orders. */
export const captions: Lesson = (scene, _, epoch, k) => [captionOf(scene, draws(epoch, k).pick(captionOrders))]
/** Some of the questions, others in every epoch. */
export const questions =
  (count: number): Lesson =>
  (scene, { index }, epoch, k) =>
    questionsOf(scene, index, epoch, k).slice(0, count)
/** One question of some families, if there is one. */
export const oneOf =
  (families: readonly Family[]): Lesson =>
  (scene, { index }, epoch, k) =>
    questionsOf(scene, index, epoch, k)
      .filter(({ family }) => families.includes(family))
      .slice(0, 1)
/** Which of twice as many names as there are things is there. */
export const presence: Lesson = (scene, { index }, epoch, k) => {
  const draw = draws(epoch, k)
  const there = new Set(scene.things.map(t => t.label).filter(name => name !== 'number'))
  const absent = index.concepts.map(c => c.name).filter(name => !there.has(name))
  const names = draw.shuffled([...there, ...draw.shuffled(absent).slice(0, there.size)])
  return names.map(name => existsOf(scene, name))
}

/** Batch k of a lesson: so many scenes of these, those that it has nothing to ask about left out, in another order in every epoch. */
export const batchOf =
  <A extends { readonly k: number; readonly scene: Scene }>(world: World, scenes: readonly A[], seed: number) =>
  (lesson: Lesson, perBatch: number) =>
  (k: number): readonly (A & { readonly turns: readonly Turn[] })[] => {
    const perEpoch = Math.floor(scenes.length / perBatch)
    const [epoch, batch] = [Math.floor(k / perEpoch), k % perEpoch]
    const order = draws(seed, epoch).shuffled(scenes)
    return order
      .slice(batch * perBatch, (batch + 1) * perBatch)
      .map(kept => ({ ...kept, turns: lesson(kept.scene, world, seed + epoch, kept.k) }))
      .filter(({ turns }) => turns.length > 0)
  }
