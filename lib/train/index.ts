/** Training: a step as one program, schedules, and what they ask of an optimizer. */
export type { After, Before, Moment, Optimizer, Schedule, Slots } from './optimizer.ts'
export { batches, type Batches } from './batches.ts'
export { lossPlot, type LogLine } from './log.ts'
export { constantRate, cosine, publishedCosine, type CosineOptions } from './schedules.ts'
export { isTrained, trainingStep, type StepGraph, type StepOptions, type Trainable } from './step.ts'
export { train, type Learner, type TrainOptions, type TrainReport } from './train.ts'
export { openTrainer, type Lossy, type Stepped, type Trainer, type TrainerOptions } from './trainer.ts'
