/** The kit: what must be true of every op, for the ops of this library and for yours. */
export {
  checkOp,
  checksFor,
  showReport,
  type Checked,
  type CheckName,
  type CheckOptions,
  type Report,
} from './check-op.ts'
export type { Runner } from './device.ts'
export { seededDraw } from './instance.ts'
