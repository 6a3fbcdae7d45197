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
  type Draws,
  type Scene,
  type SceneQuestion,
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

/** What is asked about a scene. */
export type Lesson = (scene: Scene, world: World, draw: Draws) => readonly Turn[]
const anyQuestions = (scene: Scene, { index }: World, draw: Draws): readonly SceneQuestion[] =>
  questionsOf(scene, index, draw.below(0x40000000), 0)
/** What is there, in one of three orders. */
export const captions: Lesson = (scene, _, draw) => [captionOf(scene, draw.pick(captionOrders))]
/** Some of the questions. */
export const questions =
  (count: number): Lesson =>
  (scene, world, draw) =>
    anyQuestions(scene, world, draw).slice(0, count)
/** One question, of each family as often as of another that could be asked. */
export const question: Lesson = (scene, world, draw) => {
  const all = anyQuestions(scene, world, draw)
  const family = draw.pick([...new Set(all.map(q => q.family))])
  return all.filter(q => q.family === family).slice(0, 1)
}
/** Which of two names is there. */
export const presence: Lesson = (scene, { index }, draw) => {
  const there = [...new Set(scene.things.map(t => t.label).filter(name => name !== 'number'))]
  const absent = index.concepts.map(c => c.name).filter(name => !there.includes(name))
  const names = draw.shuffled([there, absent].map(some => draw.pick(some)))
  return names.map(name => existsOf(scene, name))
}
/** One of several lessons, each with its share of all. */
export const mixed =
  (lessons: readonly (readonly [share: number, lesson: Lesson])[]): Lesson =>
  (scene, world, draw) => {
    let left = draw.between(0, 1)
    const [, lesson] = lessons.find(([share]) => (left -= share) < 0) ?? lessons.at(-1)!
    return lesson(scene, world, draw)
  }

/** Batch k of a lesson: about so many of these scenes. */
export const batchOf =
  <A extends { readonly scene: Scene }>(world: World, scenes: readonly A[], seed: number) =>
  (lesson: Lesson, perBatch: number) =>
  (k: number): readonly (A & { readonly turns: readonly Turn[] })[] => {
    const draw = draws(seed, k)
    const some = Array.from({ length: perBatch }, () => draw.pick(scenes))
    return some.map(one => ({ ...one, turns: lesson(one.scene, world, draw) }))
  }
