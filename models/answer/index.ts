/** Asking a loaded model. */
export { ask, openSession, type Answer, type AskOptions, type Session, type SessionOptions } from './ask.ts'
export { padBatch, readBatch, type Batch } from './batch.ts'
export { byReference, onDevice, type Engine, type Prepared } from './engine.ts'
export { openLlama, type ContinueOptions, type TextSession } from './continuing.ts'
export type { GenerateOptions, Said } from './generating.ts'
export type { Sampling } from './sampling.ts'
export type { Host, Question } from './views.ts'
