/** What the whole model learns from: captions in stage 1, questions in stage 2. Every scene is one conversation about one picture. */
import { either as E } from 'fp-ts'
import { value, type Feeds } from '../../lib/index.ts'
import { encodeTurns, learning, type Learning, type Sample, type Turn } from '../../models/learning/index.ts'
import { splits, type World } from '../../models/scenes/index.ts'
import { templates, type ChatTokenizer } from '../../models/text/index.ts'
import { small } from './parts.ts'
import { seenScene, type SeenScene } from './scenes.ts'

const encode = (tokenizer: ChatTokenizer) => encodeTurns(tokenizer, templates.vicuna, small.llm.positions)

/** A conversation about a scene; the picture stands before its first question. */
export const sampleOf = (tokenizer: ChatTokenizer, scene: SeenScene, turns: readonly Turn[]): Sample => {
  const withPicture = turns.map((turn, i) => (i === 0 ? { ...turn, question: `<image>\n${turn.question}` } : turn))
  const encoded = encode(tokenizer)(withPicture)
  if (E.isLeft(encoded) || !encoded.right.kept) throw new Error('a conversation about a scene has nothing to learn')
  const { imageSize, lowSize } = small
  return {
    ...encoded.right,
    shot: {
      image: value([3, lowSize, lowSize], scene.low),
      detail: value([3, imageSize, imageSize], scene.aux),
      boxes: value([scene.boxes.length, 4], scene.boxes.flat()),
    },
  }
}

export type Lesson = (scene: SeenScene) => readonly Turn[]
/** What is there, from left to right. */
export const captions: Lesson = ({ caption }) => [caption]
export const allQuestions: Lesson = scene => scene.questions

/** How many scenes make a batch. */
export const scenesPerBatch = 8
export const lessons = (world: World, tokenizer: ChatTokenizer, lesson: Lesson, seed: number, taught: Learning) => {
  const { feeds } = taught
  return (k: number): Feeds =>
    feeds(
      Array.from({ length: scenesPerBatch }, (_, i) => {
        const scene = seenScene(world, splits.train, seed, k * scenesPerBatch + i)
        return sampleOf(tokenizer, scene, lesson(scene))
      }),
    )
}
/** The model as it learns. */
export const taught = learning(small)
