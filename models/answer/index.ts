/** Asking a loaded model. */
export { ask, openSession, type Answer, type AskOptions, type Session } from './ask.ts'
export { padBatch, readBatch, type Batch } from './batch.ts'
export { byReference, onDevice, type Engine, type Prepared } from './engine.ts'
export type { Host, Question } from './views.ts'
