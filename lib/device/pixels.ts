/** Decoded pictures, and which sizes are refused: what the decoders of Node and of a browser share. */

/** A decoded picture. */
export interface Pixels {
  readonly width: number
  readonly height: number
  /** [height, width, 3], red green blue */
  readonly data: Uint8Array
  /** [height, width], 255 where a pixel hides what is behind it; absent where the file has no channel for it. Models do not look at it. */
  readonly alpha?: Uint8Array
}

/** More pixels than any picture a model is asked about; what claims more is broken or hostile. */
export const mostPixels = 100e6

/** Why a size cannot be that of a picture, or undefined. */
export const sizeProblem = (width: number, height: number): string | undefined =>
  width < 1 || height < 1
    ? `it declares a size of ${width} × ${height} pixels`
    : width * height > mostPixels
      ? `it declares ${width} × ${height} pixels, more than the ${mostPixels / 1e6} megapixels that are read`
      : undefined
