/** Composing a scene: what is in it, how large, and where; boxes are exact and never overlap. */
import type { Picture } from '../pictures/index.ts'
import { asPicture, background, lay, plateOf, spriteOf, type Background, type Canvas, type Sprite } from './drawing.ts'
import { draws, type Draws } from './draws.ts'
import { isHeldOut, type Split, type World } from './world.ts'

/** [x1, y1, x2, y2), whole pixels */
export type SceneBox = readonly [left: number, top: number, right: number, bottom: number]
export type SizeClass = 'tiny' | 'medium' | 'big'
export interface Thing {
  /** a concept, or 'number' for the plate */
  readonly label: string
  readonly style: string
  readonly size: SizeClass
  readonly box: SceneBox
}
export interface Scene {
  readonly width: number
  readonly height: number
  readonly background: Background
  readonly photo: string | undefined
  readonly number: string | undefined
  /** in no order */
  readonly things: readonly Thing[]
  /** concepts that the background does not show: only these may be asked for in vain */
  readonly clear: readonly string[]
}
export interface PaintedScene extends Scene {
  /** Its pixels, the same at every call: composing a scene is hundreds of times as fast as painting it. */
  readonly paint: () => Picture
}

export const canvases = [
  [384, 384],
  [448, 320],
  [320, 448],
  [416, 360],
] as const
/** edge before cutting, as a fraction of the canvas' width */
export const sizes: Record<SizeClass, readonly [number, number]> = {
  tiny: [0.06, 0.1],
  medium: [0.14, 0.22],
  big: [0.24, 0.34],
}
const bySize: readonly SizeClass[] = ['big', 'medium', 'tiny']

const chooseConcepts = (draw: Draws, clear: readonly string[], count: number, heldOut: boolean): readonly string[] => {
  for (;;) {
    const chosen: string[] = []
    while (chosen.length < count) {
      const repeats = chosen.length > 0 && draw.chance(0.45)
      chosen.push(draw.pick(repeats ? chosen : clear))
    }
    if (chosen.some(a => chosen.some(b => isHeldOut(a, b))) === heldOut) return chosen
  }
}

/** A free corner, at least `gap` from other boxes and 2 from the rim; undefined after so many tries. */
const freePlace = (
  draw: Draws,
  taken: readonly SceneBox[],
  [width, height]: readonly [number, number],
  sprite: Sprite,
  most: number,
): readonly [number, number] | undefined => {
  const gap = 4
  const [w, h] = [sprite.width, sprite.height]
  if (w + 4 > width || h + 4 > height) return undefined
  for (let tries = 0; tries < most; tries++) {
    const [x, y] = [2 + draw.below(width - w - 3), 2 + draw.below(height - h - 3)]
    const free = taken.every(
      ([left, top, right, bottom]) =>
        x + w + gap <= left || right + gap <= x || y + h + gap <= top || bottom + gap <= y,
    )
    if (free) return [x, y]
  }
  return undefined
}

/** What lies on a canvas so far. */
export interface Board {
  readonly things: readonly Thing[]
  /** Puts a sprite somewhere free; false where it found no place. */
  readonly put: (sprite: Sprite, thing: Omit<Thing, 'box'>) => boolean
  /** The canvas with all of it painted on. */
  readonly painted: (canvas: Canvas) => Picture
}
/** An empty canvas; a place for a sprite is looked for so many times. */
export const board = (draw: Draws, width: number, height: number, tries: number): Board => {
  const things: Thing[] = []
  const sprites: Sprite[] = []
  const put = (sprite: Sprite, thing: Omit<Thing, 'box'>): boolean => {
    const taken = things.map(t => t.box)
    const place = freePlace(draw, taken, [width, height], sprite, tries)
    if (place === undefined) return false
    const [x, y] = place
    sprites.push(sprite)
    things.push({ ...thing, box: [x, y, x + sprite.width, y + sprite.height] })
    return true
  }
  const painted = (canvas: Canvas): Picture => {
    sprites.forEach((sprite, i) => lay(canvas, sprite, things[i]!.box[0], things[i]!.box[1]))
    return asPicture(canvas)
  }
  return { things, put, painted }
}

/** One attempt; undefined where something found no place. */
const attempt = (world: World, { styles, heldOutPair }: Split, draw: Draws): PaintedScene | undefined => {
  const [width, height] = draw.pick(canvases)
  const kinds: readonly Background[] = ['plain', 'plain', 'gradient', 'gradient', 'gradient', 'noise', 'noise']
  const kind = draw.pick(world.photos.length > 0 ? [...kinds, 'photo', 'photo'] : kinds)
  const photo = kind === 'photo' ? draw.pick(world.photos) : undefined
  const least = heldOutPair ? 2 : 1
  const count = least + draw.below(7 - least)
  const clear = world.index.concepts.map(c => c.name).filter(name => photo?.shows.includes(name) !== true)
  const concepts = chooseConcepts(draw, clear, count, heldOutPair)
  const wanted = concepts.map(label => ({ label, size: draw.pick(['tiny', 'medium', 'medium', 'big'] as const) }))
  const inOrder = [...wanted].sort((a, b) => bySize.indexOf(a.size) - bySize.indexOf(b.size))
  const { things, put, painted } = board(draw, width, height, 200)
  for (const { label, size } of inOrder) {
    const style = draw.pick(styles)
    const edge = Math.round(draw.between(...sizes[size]) * width)
    if (!put(spriteOf(world, style, label, edge), { label, style, size })) return undefined
  }
  const number = draw.chance(0.6) ? String(draw.below(draw.pick([10, 100, 1000]))) : undefined
  if (number !== undefined) {
    const plate = plateOf(number, 1 + draw.below(2), draw.chance(0.5))
    if (!put(plate, { label: 'number', style: 'plate', size: 'tiny' })) return undefined
  }
  const scene = { width, height, background: kind, photo: photo?.name, number, things: draw.shuffled(things), clear }
  const look = draw.below(0x40000000)
  return { ...scene, paint: () => painted(background(draws(look, 0), kind, width, height, photo)) }
}

/** Scene k of a seed: the same on any machine, whatever other scenes are made. */
export const sceneOf = (world: World, split: Split, seed: number, k: number): PaintedScene => {
  const draw = draws(seed, 2 * k)
  for (;;) {
    const scene = attempt(world, split, draw)
    if (scene !== undefined) return scene
  }
}
