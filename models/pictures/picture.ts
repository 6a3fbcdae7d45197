/**
 * Pictures as the model's own preprocessing sees them: eight bits, three channels, row after row. Everything here and
 * beside it works on plain typed arrays, so that it runs in a browser as well as in Node; decoding files is the host's
 * business (lib/node/pictures.ts, or createImageBitmap).
 */

export interface Picture {
  readonly width: number
  readonly height: number
  /** [height, width, 3], red green blue. */
  readonly data: Uint8Array
}
export type Colour = readonly [red: number, green: number, blue: number]

const black: Colour = [0, 0, 0]

/** A picture of one colour. */
export const blank = (width: number, height: number, colour: Colour): Picture => {
  const data = new Uint8Array(width * height * 3)
  if (colour.some(value => value !== 0)) for (let i = 0; i < data.length; i++) data[i] = colour[i % 3]!
  return { width, height, data }
}

/** `picture` laid onto a canvas with its corner at (`left`, `top`), which may be negative; what hangs over is cut off. */
const lay = (canvas: Picture, picture: Picture, left: number, top: number): Picture => {
  const data = canvas.data.slice()
  const from = Math.max(0, -left)
  const to = Math.min(picture.width, canvas.width - left)
  if (from >= to) return { ...canvas, data }
  for (let y = Math.max(0, -top); y < Math.min(picture.height, canvas.height - top); y++) {
    const row = picture.data.subarray((y * picture.width + from) * 3, (y * picture.width + to) * 3)
    data.set(row, ((y + top) * canvas.width + from + left) * 3)
  }
  return { ...canvas, data }
}

/** Where a picture lies in the square around it: ⌊(side − size) / 2⌋ on the shorter axis, 0 on the longer. */
export const squareAround = (width: number, height: number) => {
  const side = Math.max(width, height)
  return { side, left: (side - width) >> 1, top: (side - height) >> 1 }
}

/** The picture in the middle of a square as wide as its longer side. A square stays as it is. */
export const padToSquare = (picture: Picture, background: Colour): Picture => {
  const { side, left, top } = squareAround(picture.width, picture.height)
  return picture.width === picture.height ? picture : lay(blank(side, side, background), picture, left, top)
}

/** The middle `size` × `size` pixels, from ⌊(width − size) / 2⌋ and ⌊(height − size) / 2⌋; black where there is no picture. */
export const centerCrop = (picture: Picture, size: number): Picture =>
  lay(
    blank(size, size, black),
    picture,
    -Math.floor((picture.width - size) / 2),
    -Math.floor((picture.height - size) / 2),
  )
