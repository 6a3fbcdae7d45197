/** How well questions about scenes are answered, by family: right is what is right as a whole. */
import { either as E } from 'fp-ts'
import type { Door } from '../../lib/index.ts'
import type { Exam, Score, ViewedSample } from '../../models/learning/index.ts'
import { questionsOf, type Family, type SceneQuestion, type World } from '../../models/scenes/index.ts'
import type { ChatTokenizer } from '../../models/text/index.ts'
import { conversation, type KeptScene } from './lessons.ts'

/** By family of questions. */
export type Scores = ReadonlyMap<Family, Score>
/** A question, and whether it was answered right. */
export interface Marked extends SceneQuestion {
  readonly right: boolean
}

export const scoresOf = (marked: readonly Marked[]): Scores => {
  const scores = new Map<Family, Score>()
  for (const { family, right } of marked) {
    const { right: before, asked } = scores.get(family) ?? { right: 0, asked: 0 }
    scores.set(family, { right: before + Number(right), asked: asked + 1 })
  }
  return scores
}
export const overall = (scores: Scores): Score =>
  [...scores.values()].reduce((a, b) => ({ right: a.right + b.right, asked: a.asked + b.asked }), {
    right: 0,
    asked: 0,
  })

/** Asks everything there is to ask about scenes of a seed, every question by itself. Errors: those of running. */
export const examine =
  (world: World, tokenizer: ChatTokenizer, { mark }: Exam<ViewedSample>) =>
  (scenes: readonly KeptScene[], seed: number): Door<readonly Marked[]> =>
  async () => {
    const marked: Marked[] = []
    for (const { k, scene, shot } of scenes) {
      const questions = questionsOf(scene, world.index, seed, k)
      const seen = await shot()
      if (E.isLeft(seen)) return seen
      const right = await mark(questions.map(turn => ({ ...conversation(tokenizer, [turn]), shot: seen.right })))()
      if (E.isLeft(right)) return right
      questions.forEach((question, i) => marked.push({ ...question, right: right.right[i]! }))
    }
    return E.right(marked)
  }
