/**
 * Questions to a loaded model: pictures and text in, an answer out, token by token. The towers see a picture once; the language
 * model reads the question once and then its own answer, a token at a time. Lengths are named sizes, so that a second question,
 * with other boxes and other words, compiles nothing.
 */
import { platform } from '#platform'
import { either as E } from 'fp-ts'
import type { Door } from '../../lib/errors.ts'
import { interrupted, type Feeds } from '../../lib/index.ts'
import type { LoadedMgLlava } from '../load/index.ts'
import { look, read, shown } from '../mg-llava.ts'
import { answerOf, endingOf, markerIds, promptIds, promptText, templates, type Marker } from '../text/index.ts'
import { onDevice, type Engine, type Outputs, type Prepared, type Values } from './engine.ts'
import { generate, type GenerateOptions } from './generating.ts'
import { feedsOf, lengthOf, plainText, readers, sequenceOf, whole, type Readers, type Text } from './reading.ts'
import { choiceBy } from './sampling.ts'
import { joined, joinFrames, rowStages, stagesIn } from './stages.ts'
import { shotsOf, type Host, type Question, type Shot } from './views.ts'

/** The longest answer is the folder's own unless said, and as long as the model has room for. */
export interface AskOptions extends GenerateOptions {
  /** keep every value between picture and answer, by name */
  readonly stages?: boolean
  /** called with the answer so far, after every token */
  readonly onText?: (text: string) => void
}
export interface Answer {
  readonly text: string
  /** the question as the template puts it, with <image> or <video> where the picture's tokens are */
  readonly prompt: string
  /** ids of the question; −200 or −201 stands for what was seen */
  readonly inputIds: readonly number[]
  /** ids of the answer, with the one that ended it */
  readonly generated: readonly number[]
  readonly endedBy: 'eos' | 'stop word' | 'limit'
  /** empty unless asked for */
  readonly stages: Values
}
/** A model that is ready to be asked. */
export interface Session {
  readonly ask: (question: Question, options?: AskOptions) => Door<Answer>
  /** frees what was prepared */
  readonly dispose: () => void
}

export interface SessionOptions {
  /**
   * most tokens of a question, what is seen, and the answer together; unless said, room is made for the first question, and again for
   * one that needs more, up to what the model was made for
   */
  readonly capacity?: number
  /** what the language model runs on; what the rest does unless said. `onDevice({ storage: 'q8' })` keeps its weights in 8 bits. */
  readonly language?: Engine
}
/** A session with a model: what a question needs is prepared when the first such question is asked, and kept. Files are those of the place unless said. */
export const openSession = (
  model: LoadedMgLlava,
  host: Host = platform,
  engine: Engine = onDevice(),
  { capacity, language: languageEngine = engine }: SessionOptions = {},
): Session => {
  const prepared = new Map<string, ReturnType<Door<Prepared>>>()
  const program: Program = kind => () => {
    const known = prepared.get(kind) ?? engine(outputsOf[kind](model), model.weights)()
    prepared.set(kind, known)
    return known
  }
  const language = readers({ llm: model.parts.llm, weights: model.weights }, languageEngine, capacity)
  return {
    ask: (question, options = {}) => answer({ model, host, program, language }, question, options),
    dispose: () => {
      for (const one of prepared.values()) void one.then(result => E.isRight(result) && result.right.dispose())
      prepared.clear()
      language.dispose()
    },
  }
}
/** One question to a model. */
export const ask =
  (
    question: Question,
    host: Host = platform,
    { engine, capacity, language, ...options }: AskOptions & SessionOptions & { readonly engine?: Engine } = {},
  ) =>
  (model: LoadedMgLlava): Door<Answer> =>
  async () => {
    const session = openSession(model, host, engine, {
      ...(capacity === undefined ? {} : { capacity }),
      ...(language === undefined ? {} : { language }),
    })
    const result = await session.ask(question, options)()
    session.dispose()
    return result
  }

// ---- what is prepared ------------------------------------------------------------------------------------------------
const tokensOf = ({ parts }: LoadedMgLlava): Outputs => {
  const { picture, objects } = look(parts)(shown(parts))
  return objects === undefined ? { picture } : { picture, objects }
}
const seeingStages = ({ parts }: LoadedMgLlava): Outputs => {
  const { picture, objects, towers } = look(parts)(shown(parts))
  return stagesIn([...towers, picture, ...(objects === undefined ? [] : [objects])])
}
const readingStages = ({ parts }: LoadedMgLlava): Outputs => stagesIn([read(parts)(sequenceOf(parts.llm))])

const outputsOf = {
  'what is seen': tokensOf,
  'what is seen, all stages': seeingStages,
  'what is read, all stages': readingStages,
}
type Program = (kind: keyof typeof outputsOf) => Door<Prepared>

// ---- one answer ------------------------------------------------------------------------------------------------------
interface Asked {
  readonly model: LoadedMgLlava
  readonly host: Host
  readonly program: Program
  readonly language: Readers
}
const answer =
  ({ model, host, program, language }: Asked, question: Question, options: AskOptions): Door<Answer> =>
  async () => {
    const choice = choiceBy(options.sampling)
    if (E.isLeft(choice)) return choice
    const { tokenizer, wiring } = model
    const template = templates[wiring.template]
    const marker: Marker | undefined = question.image === undefined ? question.video && 'video' : 'image'
    const inputIds = promptIds(tokenizer, template, question.prompt, marker)
    const shots = await shotsOf(host, model)(question)()
    if (E.isLeft(shots)) return shots
    const frames = await seeing(program, shots.right, options)()
    if (E.isLeft(frames)) return frames
    const text = textOf(model, inputIds, marker, frames.right)
    const { onText, maxNewTokens = wiring.max_new_tokens } = options
    const said = await language.lend(lengthOf(text) + maxNewTokens, reader =>
      generate(reader, text, {
        ...options,
        maxNewTokens,
        choice: choice.right,
        ending: endingOf(tokenizer, template),
        onToken: generated => onText?.(answerOf(tokenizer, generated)),
        keepRows: options.stages === true,
      }),
    )()
    if (E.isLeft(said)) return said
    const { generated, endedBy, rows } = said.right
    const read =
      options.stages === true ? await once(program, 'what is read, all stages', feedsOf(text), options)() : E.right({})
    if (E.isLeft(read)) return read
    return E.right({
      text: answerOf(tokenizer, generated),
      prompt: promptText(template, question.prompt, marker),
      inputIds,
      generated,
      endedBy,
      stages:
        options.stages === true
          ? {
              ...shownStages(question, shots.right, frames.right),
              input_ids: whole(inputIds),
              ...read.right,
              ...rowStages(generated, rows),
            }
          : {},
    })
  }

const once =
  (program: Program, kind: keyof typeof outputsOf, feeds: Feeds, { signal }: AskOptions): Door<Values> =>
  async () => {
    if (signal?.aborted === true) return E.left(interrupted('the answer'))
    const ready = await program(kind)()
    return E.isLeft(ready) ? ready : ready.right.run(feeds, signal === undefined ? {} : { signal })()
  }

/** What the towers make of every shot. */
const seeing =
  (program: Program, shots: readonly Shot[], options: AskOptions): Door<readonly Values[]> =>
  async () => {
    const kind = options.stages === true ? 'what is seen, all stages' : 'what is seen'
    const frames: Values[] = []
    for (const shot of shots) {
      const values = await once(program, kind, shot, options)()
      if (E.isLeft(values)) return values
      frames.push(values.right)
    }
    return E.right(frames)
  }

/** The question as the language model reads it, with what was seen where the marker stands. */
const textOf = (
  { parts }: LoadedMgLlava,
  inputIds: readonly number[],
  marker: Marker | undefined,
  frames: readonly Values[],
): Text => {
  if (marker === undefined) return plainText(Number(parts.llm.width), inputIds)
  const at = inputIds.indexOf(markerIds[marker])
  const seen = frames.flatMap(({ picture, objects }) => (objects === undefined ? [picture!] : [picture!, objects]))
  return { before: inputIds.slice(0, at), seen: joined(seen), after: inputIds.slice(at + 1) }
}

/** Pixels, boxes and what the towers made of them; of a video all frames together. */
const shownStages = ({ video }: Question, shots: readonly Shot[], frames: readonly Values[]): Values => {
  if (shots.length === 0) return {}
  const all = shots.map(({ image, detail, boxes }, i) => ({
    ...(detail === undefined ? {} : { pixel_values_aux: detail }),
    pixel_values: image,
    ...(boxes === undefined ? {} : { boxes }),
    ...frames[i],
  }))
  const counts = shots.flatMap(({ boxes }) => (boxes === undefined ? [] : [boxes.shape[0]!]))
  const stages = video === undefined ? all[0]! : joinFrames(all)
  return counts.length === 0 ? stages : { ...stages, box_counts: whole(counts) }
}
