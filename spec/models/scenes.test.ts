/**
 * The emoji scenes: the rules of their specification on freshly made scenes, and the questions of the reference generator about its own
 * sample scenes (`spec/models/scenes/*.json`, CC BY-SA 4.0 as the whole set: only their JSON is here).
 */
import { readFileSync } from 'node:fs'
import { either as E } from 'fp-ts'
import { beforeAll, describe, expect, it } from 'vitest'
import { nodeFolder } from '../../lib/node/files.ts'
import { decodePicture } from '../../lib/node/pictures.ts'
import {
  crowdOf,
  isHeldOut,
  openWorld,
  questionsOf,
  sceneOf,
  splits,
  type Scene,
  type SplitName,
  type Thing,
  type World,
} from '../../models/scenes/index.ts'

const right = <A>(result: E.Either<unknown, A>): A => {
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left))
  return result.right
}
let world: World
beforeAll(async () => {
  world = right(await openWorld(nodeFolder('examples/data/emoji'), decodePicture)())
})

interface Sample extends Omit<Scene, 'clear'> {
  readonly id: string
}
interface Asked {
  readonly scene: string
  readonly family: string
  readonly question: string
  readonly answer: string
}
const read = <A>(split: string, file: string): A =>
  JSON.parse(readFileSync(new URL(`scenes/${split}.${file}.json`, import.meta.url), 'utf8')) as A

describe('questions', () => {
  it.each(Object.keys(splits))('are those of the reference generator about its scenes of %s', split => {
    const scenes = read<Sample[]>(split, 'scenes')
    const asked = read<Asked[]>(split, 'questions')
    const clear = world.index.concepts.map(c => c.name)
    // which thing is asked for by 'exists' is drawn
    const lines = (of: readonly Omit<Asked, 'scene'>[]): string[] =>
      of
        .filter(q => q.family !== 'exists')
        .map(q => `${q.family}: ${q.question} ${q.answer}`)
        .sort()
    for (const scene of scenes) {
      const ours = questionsOf({ ...scene, number: scene.number ?? undefined, clear }, world.index, 1, 0)
      expect(lines(ours), scene.id).toEqual(lines(asked.filter(q => q.scene === scene.id)))
      const exists = ours.filter(q => q.family === 'exists').map(q => q.answer)
      expect(exists.sort()).toEqual(['no', 'yes'])
    }
  })
})

/** Boxes are 2 pixels from the rim and 4 from each other, at least. */
const expectApart = (things: readonly Thing[], width: number, height: number): void => {
  for (const { box } of things) {
    expect(Math.min(box[0], box[1], width - box[2], height - box[3])).toBeGreaterThanOrEqual(2)
    for (const { box: other } of things.filter(t => t.box !== box)) {
      const apart = Math.max(other[0] - box[2], box[0] - other[2], other[1] - box[3], box[1] - other[3])
      expect(apart).toBeGreaterThanOrEqual(4)
    }
  }
}
describe('scenes', () => {
  const names = Object.keys(splits) as SplitName[]
  it.each(names)('keep the rules of %s', split => {
    const { styles, heldOutPair } = splits[split]
    for (let k = 0; k < 12; k++) {
      const { width, height, things, paint, number } = sceneOf(world, splits[split], 7, k)
      expect(paint().data.length).toBe(width * height * 3)
      const emoji = things.filter(t => t.label !== 'number')
      expect(emoji.length).toBeGreaterThanOrEqual(heldOutPair ? 2 : 1)
      expect(emoji.length).toBeLessThanOrEqual(6)
      expect(emoji.every(t => (styles as readonly string[]).includes(t.style))).toBe(true)
      expect(emoji.some(a => emoji.some(b => isHeldOut(a.label, b.label)))).toBe(heldOutPair)
      expect(things.length - emoji.length).toBe(number === undefined ? 0 : 1)
      expectApart(things, width, height)
    }
  })
  it('are the same whatever is made before, and differ by seed and number', () => {
    const again = [5, 3, 5].map(k => {
      const { paint, ...scene } = sceneOf(world, splits.train, 1, k)
      return { ...scene, picture: paint() }
    })
    expect(again[0]).toEqual(again[2])
    expect(again[0]!.things).not.toEqual(again[1]!.things)
    expect(sceneOf(world, splits.train, 2, 5).things).not.toEqual(again[0]!.things)
  })
  it('hold out 451 of 4,560 pairs', () => {
    const concepts = world.index.concepts.map(c => c.name)
    const pairs = concepts.flatMap((a, i) => concepts.slice(i + 1).map(b => [a, b] as const))
    expect(pairs.length).toBe(4560)
    expect(pairs.filter(([a, b]) => isHeldOut(a, b)).length).toBe(451)
    expect(isHeldOut('cat', 'dog')).toBe(false)
  })
})

describe('crowds', () => {
  it('keep the rules of scenes, and have more of everything', () => {
    const crowds = Array.from({ length: 40 }, (_, k) => crowdOf(world, splits.train, 7, k, { side: 160, canvas: 384 }))
    for (const { picture, things } of crowds) {
      expectApart(things, picture.width, picture.height)
      const emoji = things.filter(t => t.label !== 'number')
      expect(emoji.every(t => (splits.train.styles as readonly string[]).includes(t.style))).toBe(true)
      expect(emoji.some(a => emoji.some(b => isHeldOut(a.label, b.label)))).toBe(false)
      expect(things.every(t => (t.text !== undefined) === (t.label === 'number'))).toBe(true)
    }
    const all = crowds.flatMap(({ things }) => things)
    expect(all.length / crowds.length).toBeGreaterThan(4)
    expect(new Set(all.map(t => t.size))).toEqual(new Set(['tiny', 'medium', 'big']))
    expect(new Set(all.flatMap(t => t.text?.length ?? []))).toEqual(new Set([1, 2, 3]))
  })
})
