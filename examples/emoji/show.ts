/**
 * What the demo asks the small MG-LLaVA: a few questions about scenes that nobody has seen before, by the door that anybody's pictures take.
 * Scenes are made from a seed that no training has; their files stay in memory.
 */
import { either as E } from 'fp-ts'
import sharp from 'sharp'
import { decodePicture, memoryFolder, type Door } from 'sluice'
import type { Answer, Host, Session } from 'sluice/models'
import {
  questionsOf,
  sceneOf,
  splits,
  type Family,
  type PaintedScene,
  type SceneQuestion,
  type World,
} from '../../models/scenes/index.ts'

/** Training has 1 and 2. */
const seed = 2026
const scenesPerSplit = 2
const questionsPerScene = 5

export const splitsShown = ['test-pairs', 'test-style'] as const
export type ShownSplit = (typeof splitsShown)[number]
/** What is new to the model in scenes of a split. */
export const newIn: Readonly<Record<ShownSplit, string>> = {
  'test-pairs': 'things together that never met in training',
  'test-style': `drawn by artists (${splits['test-style'].styles.join()}) of whom it has never seen anything`,
}

export interface FreshScene {
  readonly k: number
  readonly split: ShownSplit
  readonly scene: PaintedScene
  /** the picture's file */
  readonly png: Uint8Array
  readonly questions: readonly SceneQuestion[]
}
export interface Answered extends SceneQuestion {
  readonly said: string
  /** said and known are the same, to the letter */
  readonly right: boolean
}
export interface AnsweredScene extends FreshScene {
  /** how far the high-resolution view is let in */
  readonly gate: number
  readonly answers: readonly Answered[]
}

/** The scenes, and questions about each: of every family at most one, those first that were asked least often so far. */
export const freshScenes = async (world: World): Promise<readonly FreshScene[]> => {
  const asked = new Map<Family, number>()
  const times = ({ family }: SceneQuestion): number => asked.get(family) ?? 0
  const scenes: FreshScene[] = []
  for (const split of splitsShown.flatMap(split => Array.from({ length: scenesPerSplit }, () => split))) {
    const k = scenes.length
    const scene = sceneOf(world, splits[split], seed, k)
    const all = questionsOf(scene, world.index, seed, k)
    const questions = all
      .filter(({ family }, i) => all.findIndex(other => other.family === family) === i)
      .toSorted((a, b) => times(a) - times(b))
      .slice(0, questionsPerScene)
    for (const question of questions) asked.set(question.family, times(question) + 1)
    const { width, height, data } = scene.paint()
    const png = await sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer()
    scenes.push({ k, split, scene, png, questions })
  }
  return scenes
}

const filesOf = ({ k }: FreshScene) => ({ image: `${k}.png`, boxes: `${k}.boxes.json` })
/** Where a question finds the files of the scenes: the picture, and its boxes as a detector would leave them. */
export const hostOf = (scenes: readonly FreshScene[]): Host => {
  const files = scenes.flatMap((fresh): (readonly [string, Uint8Array])[] => {
    const { things } = fresh.scene
    const boxes = { boxes: things.map(t => t.box), scores: things.map(() => 1), labels: things.map(t => t.label) }
    const { image, boxes: boxFile } = filesOf(fresh)
    return [
      [image, fresh.png],
      [boxFile, new TextEncoder().encode(JSON.stringify(boxes))],
    ]
  })
  return { files: memoryFolder('fresh scenes', new Map(files)), decode: decodePicture }
}

/** Asks every question about a scene; `onAnswer` is given each with all stages. Errors: those of asking. */
export const askAbout =
  (session: Session, onAnswer: (answered: Answered, answer: Answer) => void) =>
  (fresh: FreshScene): Door<AnsweredScene> =>
  async () => {
    const answers: Answered[] = []
    let gate = Number.NaN
    for (const question of fresh.questions) {
      const answer = await session.ask({ ...filesOf(fresh), prompt: question.question }, { stages: true })()
      if (E.isLeft(answer)) return answer
      const { text: said, stages } = answer.right
      gate = stages['fusion/g']!.data[0]!
      const answered = { ...question, said, right: said === question.answer }
      answers.push(answered)
      onAnswer(answered, answer.right)
    }
    return E.right({ ...fresh, gate, answers })
  }

/** How many answers about scenes of a split are right, of how many. */
export const scoreOf = (scenes: readonly AnsweredScene[], split: ShownSplit): readonly [right: number, of: number] => {
  const answers = scenes.filter(scene => scene.split === split).flatMap(scene => scene.answers)
  return [answers.filter(({ right }) => right).length, answers.length]
}
