/** The pixels of scenes: sprites scaled and cut, number plates, backgrounds. Planes are floats in 0..1, colours premultiplied by what they cover. */
import { readingsOf, resizePil, type Picture } from '../pictures/index.ts'
import type { Draws } from './draws.ts'
import type { Photo, World } from './world.ts'

/** Something to put on a picture. Its size is known before anything is painted. */
export interface Sprite {
  readonly width: number
  readonly height: number
  /** [height, width, 4], colours premultiplied, the last channel what it covers */
  readonly pixels: () => Float32Array
}
/** A picture being painted: [height, width, 3], 0..1. */
export interface Canvas {
  readonly width: number
  readonly height: number
  readonly pixels: Float32Array
}

/** A square of `channels` planes, interleaved, to another size. */
const scaleSquare = (from: Float32Array, length: number, target: number, channels: number): Float32Array => {
  const taps = readingsOf(length, target, 'bicubic')
  const across = new Float32Array(length * target * channels)
  for (let y = 0; y < length; y++)
    taps.forEach(({ first, shares }, x) => {
      for (let c = 0; c < channels; c++) {
        let sum = 0
        for (let k = 0; k < shares.length; k++) sum += shares[k]! * from[(y * length + first + k) * channels + c]!
        across[(y * target + x) * channels + c] = sum
      }
    })
  const row = target * channels
  const out = new Float32Array(target * row)
  taps.forEach(({ first, shares }, y) => {
    for (let k = 0; k < shares.length; k++)
      for (let i = 0; i < row; i++) out[y * row + i]! += shares[k]! * across[(first + k) * row + i]!
  })
  for (let i = 0; i < out.length; i++) out[i] = Math.min(Math.max(out[i]!, 0), 1)
  return out
}

/** The part of a square that shows: it covers more than 16 of 255. */
const visible = (covers: Float32Array, size: number): Readonly<Record<'left' | 'top' | 'width' | 'height', number>> => {
  let [left, top, right, bottom] = [size, size, 0, 0]
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      if (covers[y * size + x]! <= 16 / 255) continue
      left = Math.min(left, x)
      right = Math.max(right, x + 1)
      top = Math.min(top, y)
      bottom = y + 1
    }
  return { left, top, width: Math.max(right - left, 0), height: Math.max(bottom - top, 0) }
}

/** A concept in a style, `size` pixels before it is cut to what shows. */
export const spriteOf = ({ index, sheets }: World, style: string, concept: string, size: number): Sprite => {
  const { cell, columns, concepts } = index
  const k = concepts.findIndex(c => c.name === concept)
  const sheet = sheets.get(style)!
  const first = Math.floor(k / columns) * cell * sheet.width + (k % columns) * cell
  const covering = (y: number, x: number): number => sheet.alpha[first + y * sheet.width + x]! / 255
  const plane = new Float32Array(cell * cell)
  for (let y = 0, i = 0; y < cell; y++) for (let x = 0; x < cell; x++) plane[i++] = covering(y, x)
  const { left, top, width, height } = visible(scaleSquare(plane, cell, size, 1), size)
  const pixels = (): Float32Array => {
    const planes = new Float32Array(cell * cell * 4)
    for (let y = 0; y < cell; y++)
      for (let x = 0; x < cell; x++) {
        const at = first + y * sheet.width + x
        const covers = covering(y, x)
        for (let c = 0; c < 3; c++) planes[(y * cell + x) * 4 + c] = (sheet.data[at * 3 + c]! / 255) * covers
        planes[(y * cell + x) * 4 + 3] = covers
      }
    const scaled = scaleSquare(planes, cell, size, 4)
    const out = new Float32Array(width * height * 4)
    for (let y = 0; y < height; y++) {
      const at = ((top + y) * size + left) * 4
      out.set(scaled.subarray(at, at + width * 4), y * width * 4)
    }
    return out
  }
  return { width, height, pixels }
}

/** Digits in 5 × 7 dots. */
const digits = [
  '01110 10001 10011 10101 11001 10001 01110',
  '00100 01100 00100 00100 00100 00100 01110',
  '01110 10001 00001 00110 01000 10000 11111',
  '11110 00001 00001 01110 00001 00001 11110',
  '00010 00110 01010 10010 11111 00010 00010',
  '11111 10000 11110 00001 00001 10001 01110',
  '00110 01000 10000 11110 10001 10001 01110',
  '11111 00001 00010 00100 01000 01000 01000',
  '01110 10001 10001 01110 10001 10001 01110',
  '01110 10001 10001 01111 00001 00010 01100',
].map(rows => rows.split(' '))

/** A number on a plate with a margin of two dots; `dot` is a dot's size in pixels. */
export const plateOf = (text: string, dot: number, dark: boolean): Sprite => {
  const [ink, paper] = dark ? [0.05, 0.98] : [0.98, 0.05]
  const rows = Array.from({ length: 7 }, (_, r) => [...text].map(d => digits[Number(d)]![r]!).join('0'))
  const [width, height] = [(rows[0]!.length + 4) * dot, 11 * dot]
  const pixels = (): Float32Array => {
    const out = new Float32Array(width * height * 4)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const lit = rows[Math.floor(y / dot) - 2]?.[Math.floor(x / dot) - 2] === '1'
        const grey = lit ? ink : paper
        out.set([grey, grey, grey, 1], (y * width + x) * 4)
      }
    return out
  }
  return { width, height, pixels }
}

/** Paints a sprite with its corner at (left, top). */
export const lay = (canvas: Canvas, sprite: Sprite, left: number, top: number): void => {
  const pixels = sprite.pixels()
  for (let y = 0; y < sprite.height; y++)
    for (let x = 0; x < sprite.width; x++) {
      const from = (y * sprite.width + x) * 4
      const to = ((top + y) * canvas.width + left + x) * 3
      const through = 1 - pixels[from + 3]!
      for (let c = 0; c < 3; c++) canvas.pixels[to + c] = pixels[from + c]! + through * canvas.pixels[to + c]!
    }
}

export type Background = 'plain' | 'gradient' | 'noise' | 'photo'
type Paint = (x: number, y: number, channel: number) => number
const painted = (width: number, height: number, paint: Paint): Canvas => {
  const pixels = new Float32Array(width * height * 3)
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++) for (let c = 0; c < 3; c++) pixels[i++] = paint(x, y, c)
  return { width, height, pixels }
}
const asCanvas = ({ width, height, data }: Picture): Canvas => {
  const pixels = new Float32Array(data.length)
  for (let i = 0; i < data.length; i++) pixels[i] = data[i]! / 255
  return { width, height, pixels }
}
export const asPicture = ({ width, height, pixels }: Canvas): Picture => {
  const data = new Uint8Array(pixels.length)
  for (let i = 0; i < pixels.length; i++) data[i] = Math.round(Math.min(Math.max(pixels[i]!, 0), 1) * 255)
  return { width, height, data }
}

/** a Gaussian of 4 pixels, cut at three of them */
const blurring = Float32Array.from({ length: 25 }, (_, i) => Math.exp(-((i - 12) ** 2) / 32))
const total = blurring.reduce((a, b) => a + b, 0)
/** Blurred along one axis: `lines` lines, `next` apart, of `length` places, `step` apart. */
const blurAlong = (from: Float32Array, lines: number, next: number, length: number, step: number): Float32Array => {
  const out = new Float32Array(from.length)
  for (let line = 0; line < lines; line++)
    for (let i = 0; i < length; i++)
      for (let c = 0; c < 3; c++) {
        const start = line * next + c
        let sum = 0
        for (let k = 0; k < 25; k++) {
          const at = Math.min(Math.max(i + k - 12, 0), length - 1)
          sum += blurring[k]! * from[start + at * step]!
        }
        out[start + i * step] = sum / total
      }
  return out
}
const blurred = ({ width, height, pixels }: Canvas): Canvas => {
  const across = blurAlong(pixels, height, 3 * width, width, 3)
  return { width, height, pixels: blurAlong(across, width, 3, height, 3 * width) }
}
const cropped = (picture: Picture, left: number, top: number, width: number, height: number): Picture => {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    const at = ((top + y) * picture.width + left) * 3
    data.set(picture.data.subarray(at, at + width * 3), y * width * 3)
  }
  return { width, height, data }
}

const colour = (draw: Draws): readonly number[] => [0, 1, 2].map(() => draw.between(0.1, 1))
/** A background of the kind; photos are taken from `photo`. */
export const background = (
  draw: Draws,
  kind: Background,
  width: number,
  height: number,
  photo: Photo | undefined,
): Canvas => {
  switch (kind) {
    case 'plain': {
      const plain = colour(draw)
      return painted(width, height, (_x, _y, c) => plain[c]!)
    }
    case 'gradient': {
      const [a, b] = [colour(draw), colour(draw)]
      const angle = draw.between(0, 2 * Math.PI)
      const [cos, sin] = [Math.cos(angle) / Math.SQRT2, Math.sin(angle) / Math.SQRT2]
      return painted(width, height, (x, y, c) => {
        const along = cos * (x / width - 0.5) + sin * (y / height - 0.5) + 0.5
        return a[c]! + (b[c]! - a[c]!) * along
      })
    }
    case 'noise': {
      const middle = [0, 1, 2].map(() => draw.between(0.25, 0.85))
      const grains = painted(Math.floor(width / 12), Math.floor(height / 12), (_x, _y, c) => {
        return middle[c]! + draw.between(-0.2, 0.2)
      })
      return asCanvas(resizePil(asPicture(grains), width, height, 'bicubic'))
    }
    case 'photo': {
      const { picture } = photo!
      const scale = Math.max(width / picture.width, height / picture.height)
      const [w, h] = [Math.ceil(picture.width * scale), Math.ceil(picture.height * scale)]
      const large = resizePil(picture, w, h, 'bicubic')
      const [left, top] = [draw.below(w - width + 1), draw.below(h - height + 1)]
      return blurred(asCanvas(cropped(large, left, top, width, height)))
    }
  }
}
