/** Text on the host: tokenizers, prompts, questions and answers. */
export { answerOf, endingOf, fitTemplate, markerIds, promptIds, promptText, type Marker } from './prompt.ts'
export { readQuestions, type Question } from './questions.ts'
export { strip } from './strip.ts'
export { templates, type Template, type TemplateName } from './templates.ts'
export {
  readChatTokenizer,
  readTokenizer,
  type ChatTokenizer,
  type DecodeOptions,
  type Tokenizer,
} from './tokenizer.ts'
