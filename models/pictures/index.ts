/** Pictures, from decoded pixels to what the vision towers read. */
export { centerCrop, padToSquare, type Colour, type Picture } from './picture.ts'
export { pictureIn, type Decode } from './picture-file.ts'
export { readingsOf, resizeMiddle, resizePadded, resizePil, shortestEdge, type Filter } from './resize.ts'
export {
  bilinear,
  clipMean,
  clipStd,
  type Coordinates,
  exact,
  meanColour,
  normalise,
  type PerChannel,
} from './normalise.ts'
export {
  clipPicture,
  framePicture,
  mgPicture,
  mgVideo,
  ramPicture,
  type ClipSettings,
  type MgSettings,
  type Statistics,
  type Views,
} from './pipelines.ts'
export { owlv2Picture, owlv2Resized, type Owlv2Settings } from './owlv2.ts'
