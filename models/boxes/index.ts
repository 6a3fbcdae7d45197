/** Boxes on the host: files, suppression, limits, and where they lie on the model's input. */
export { readBoxes, readVideoBoxes, type Detections, type RecordId } from './box-file.ts'
export { crowded, isCrowded, keepAll, perCategory, perImage, type BoxLimit } from './limits.ts'
export { batchedNms, boxIou, nms } from './nms.ts'
export {
  cropBoxes,
  noPictureBoxes,
  placeBoxes,
  placeBoxesSqueezed,
  scaleBoxes,
  shiftBoxes,
  takeBoxes,
  type PlacedBoxes,
  type PlacingSettings,
  type ScaledBoxes,
} from './placing.ts'
