/** A small world to learn in: emoji scenes with exact boxes and questions, made as they are needed. */
export {
  captionOf,
  captionOrders,
  existsOf,
  questionsOf,
  questionWords,
  type Family,
  type Order,
  type SceneQuestion,
} from './asking.ts'
export { crowdOf, type Crowd, type CrowdThing } from './crowd.ts'
export { draws, type Draws } from './draws.ts'
export { openWorld } from './open.ts'
export { sceneOf, type PaintedScene, type Scene, type SceneBox, type Thing } from './scene.ts'
export {
  isHeldOut,
  splits,
  type Photo,
  type Sheet,
  type SheetIndex,
  type Split,
  type SplitName,
  type World,
} from './world.ts'
