/**
 * Crowds: squares with as many things as find a place, for towers that learn to see. The things are those of scenes: the same styles, sizes
 * and plates, boxes exact and apart, no held-out pair where the split has none. Only nothing can be asked about them, and a pixel
 * teaches several times as much.
 */
import type { Picture } from '../pictures/index.ts'
import { background, plateOf, spriteOf } from './drawing.ts'
import { draws } from './draws.ts'
import { board, canvases, sizes, type SizeClass, type Thing } from './scene.ts'
import { isHeldOut, type Split, type World } from './world.ts'

/** A thing of a crowd; what is written on it, where it is a plate. */
export interface CrowdThing extends Thing {
  readonly text: string | undefined
}
export interface Crowd {
  readonly picture: Picture
  readonly things: readonly CrowdThing[]
}

/** up to so many of a size class in a square of 160 pixels, the largest first */
const most = { big: 1.35, medium: 3, tiny: 8 } as const satisfies Record<SizeClass, number>
const plates = 4

/**
 * Crowd k of a seed. It is drawn as a part of a scene's canvas of `canvas` pixels' longer side would be: `side` pixels of it once that
 * canvas is resized to `canvas`; the picture itself is still as it was drawn.
 */
export const crowdOf = (
  world: World,
  { styles }: Omit<Split, 'heldOutPair'>,
  seed: number,
  k: number,
  { side, canvas }: { readonly side: number; readonly canvas: number },
): Crowd => {
  const draw = draws(seed, 0x40000000 + k)
  const [width, height] = draw.pick(canvases)
  const drawn = Math.round((side * Math.max(width, height)) / canvas)
  const { things, put, painted } = board(draw, drawn, drawn, 40)
  const texts: (string | undefined)[] = []
  const names = world.index.concepts.map(c => c.name)
  const share = (drawn / 160) ** 2
  for (const size of ['big', 'medium', 'tiny'] as const) {
    const count = Math.floor(draw.between(0, most[size] * share))
    for (let i = 0; i < count; i++) {
      const label = draw.pick(names)
      if (things.some(t => isHeldOut(t.label, label))) continue
      const style = draw.pick(styles)
      const sprite = spriteOf(world, style, label, Math.round(draw.between(...sizes[size]) * width))
      if (put(sprite, { label, style, size })) texts.push(undefined)
    }
  }
  for (let count = Math.floor(draw.between(0, plates * share)); count > 0; count--) {
    const text = String(draw.below(draw.pick([10, 100, 1000])))
    const plate = plateOf(text, 1 + draw.below(2), draw.chance(0.5))
    if (put(plate, { label: 'number', style: 'plate', size: 'tiny' })) texts.push(text)
  }
  const kind = draw.pick(['plain', 'gradient', 'gradient', 'noise'] as const)
  const picture = painted(background(draw, kind, drawn, drawn, undefined))
  return { picture, things: things.map((thing, i) => ({ ...thing, text: texts[i] })) }
}
