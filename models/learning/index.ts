/** How MG-LLaVA is taught: conversations as ids and labels, batches of them, and the loss. */
export {
  answersLoss,
  learning,
  learningFrom,
  learningFromTexts,
  shownFeeds,
  shownTogether,
  textFeeds,
  type Learning,
  type PlacedSample,
  type Sample,
  type Tokens,
} from './answers.ts'
export {
  learningFromViews,
  openTowers,
  viewsAsked,
  type KeptViews,
  type OpenTowers,
  type ViewedSample,
} from './views.ts'
export { labelOf, placesOf, unlabelled, type LabelledIds, type Place } from './splicing.ts'
export {
  encodeConversation,
  encodeTurns,
  messageCodec,
  turnsOf,
  type Encoded,
  type Message,
  type Turn,
} from './conversation.ts'
export { interval, markAll, marksWithoutLooking, openExam, type Exam, type MarkingOptions, type Score } from './exam.ts'
export { keepViews, picturesOf, viewedSamples, type LookOptions, type Unseen, type ViewsFolder } from './kept-views.ts'
export {
  batchesOf,
  openDataset,
  openQuestions,
  questionsIn,
  type BatchingOptions,
  type Dataset,
  type DatasetFiles,
  type DatasetOptions,
  type QuestionSet,
  type Samples,
} from './dataset.ts'
