/**
 * Questions to a loaded model: pictures and text in, an answer out, greedily, token by token. The towers see a picture once;
 * the language model reads the text grown by one token at a time. Lengths are named sizes, so that a second question, with
 * other boxes and other words, compiles nothing.
 */
import { platform } from '#platform'
import { either as E } from 'fp-ts'
import type { Door, SluiceError } from '../../lib/errors.ts'
import { indexInput, inputOf, interrupted, value, type Feeds, type Value } from '../../lib/index.ts'
import type { LoadedMgLlava } from '../load/index.ts'
import { look, read, readLast, shown, splice } from '../mg-llava.ts'
import { answerOf, endingOf, markerIds, promptIds, promptText, templates, type Marker } from '../text/index.ts'
import { onDevice, type Engine, type Outputs, type Prepared, type Values } from './engine.ts'
import { joined, joinFrames, rowStages, stagesIn } from './stages.ts'
import { shotsOf, type Host, type Question, type Shot } from './views.ts'

export interface AskOptions {
  /** longest answer, in tokens; the folder's own unless said */
  readonly maxNewTokens?: number
  /** keep every value between picture and answer, by name */
  readonly stages?: boolean
  /** called with the answer so far, after every token */
  readonly onText?: (text: string) => void
  readonly signal?: AbortSignal
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

/** A session with a model: what a question needs is prepared when the first such question is asked, and kept. Files are those of the place unless said. */
export const openSession = (model: LoadedMgLlava, host: Host = platform, engine: Engine = onDevice()): Session => {
  const prepared = new Map<string, ReturnType<Door<Prepared>>>()
  const program: Program = kind => () => {
    const known = prepared.get(kind) ?? engine(outputsOf[kind](model), model.weights)()
    prepared.set(kind, known)
    return known
  }
  return {
    ask: (question, options = {}) => answer(model, host, program, question, options),
    dispose: () => {
      for (const one of prepared.values()) void one.then(result => E.isRight(result) && result.right.dispose())
      prepared.clear()
    },
  }
}
/** One question to a model. */
export const ask =
  (question: Question, host: Host = platform, { engine, ...options }: AskOptions & { readonly engine?: Engine } = {}) =>
  (model: LoadedMgLlava): Door<Answer> =>
  async () => {
    const session = openSession(model, host, engine)
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
const ids = (name: string) => indexInput(name, [name] as never)
const textAlone = ({ parts }: LoadedMgLlava) => splice(parts)([ids('text')])
const textAround = ({ parts }: LoadedMgLlava) =>
  splice(parts)([ids('before'), inputOf('seen', ['seen', parts.llm.width]), ids('after')])

const outputsOf = {
  'what is seen': tokensOf,
  'what is seen, all stages': seeingStages,
  'the next word': (m: LoadedMgLlava): Outputs => ({ logits: readLast(m.parts)(textAlone(m)) }),
  'the next word about what is seen': (m: LoadedMgLlava): Outputs => ({ logits: readLast(m.parts)(textAround(m)) }),
  'text, all stages': (m: LoadedMgLlava): Outputs => stagesIn([read(m.parts)(textAlone(m))]),
  'text about what is seen, all stages': (m: LoadedMgLlava): Outputs => stagesIn([read(m.parts)(textAround(m))]),
}
type Program = (kind: keyof typeof outputsOf) => Door<Prepared>

// ---- one answer ------------------------------------------------------------------------------------------------------
const answer =
  (model: LoadedMgLlava, host: Host, program: Program, question: Question, options: AskOptions): Door<Answer> =>
  async () => {
    const template = templates[model.wiring.template]
    const marker: Marker | undefined = question.image === undefined ? question.video && 'video' : 'image'
    const inputIds = promptIds(model.tokenizer, template, question.prompt, marker)
    const shots = await shotsOf(host, model)(question)()
    if (E.isLeft(shots)) return shots
    const frames = await seeing(program, shots.right, options)()
    if (E.isLeft(frames)) return frames
    const reading = readingOf(inputIds, marker, frames.right)
    const said = await saying(model, program, reading, options)()
    if (E.isLeft(said)) return said
    const { generated, endedBy, rows } = said.right
    const read =
      options.stages === true ? await once(program, reading.stages, reading.feeds([]), options)() : E.right({})
    if (E.isLeft(read)) return read
    return E.right({
      text: answerOf(model.tokenizer, generated),
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
    return E.isLeft(ready) ? ready : ready.right.run(feeds, signal)()
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

/** How the language model reads a question, and the answer so far after it. */
interface Reading {
  readonly next: keyof typeof outputsOf
  readonly stages: keyof typeof outputsOf
  readonly feeds: (answered: readonly number[]) => Feeds
}
const readingOf = (inputIds: readonly number[], marker: Marker | undefined, frames: readonly Values[]): Reading => {
  if (marker === undefined)
    return {
      next: 'the next word',
      stages: 'text, all stages',
      feeds: answered => ({ text: whole([...inputIds, ...answered]) }),
    }
  const at = inputIds.indexOf(markerIds[marker])
  const seen = joined(
    frames.flatMap(({ picture, objects }) => (objects === undefined ? [picture!] : [picture!, objects])),
  )
  return {
    next: 'the next word about what is seen',
    stages: 'text about what is seen, all stages',
    feeds: answered => ({
      before: whole(inputIds.slice(0, at)),
      seen,
      after: whole([...inputIds.slice(at + 1), ...answered]),
    }),
  }
}

interface Said {
  readonly generated: readonly number[]
  readonly endedBy: Answer['endedBy']
  /** the logits that each id was chosen by */
  readonly rows: readonly Value[]
}
/** The most likely next id, again and again, until the answer is complete or long enough. */
const saying =
  (model: LoadedMgLlava, program: Program, reading: Reading, options: AskOptions): Door<Said> =>
  async () => {
    const ending = endingOf(model.tokenizer, templates[model.wiring.template])
    const most = options.maxNewTokens ?? model.wiring.max_new_tokens
    const generated: number[] = []
    const rows: Value[] = []
    let endedBy: Answer['endedBy'] | undefined
    while (endedBy === undefined && generated.length < most) {
      const values: E.Either<SluiceError, Values> = await once(
        program,
        reading.next,
        reading.feeds(generated),
        options,
      )()
      if (E.isLeft(values)) return values
      const logits = values.right.logits!
      generated.push(largest(logits.data))
      if (options.stages === true) rows.push(logits)
      endedBy = ending(generated)
      options.onText?.(answerOf(model.tokenizer, generated))
    }
    return E.right({ generated, endedBy: endedBy ?? 'limit', rows })
  }

const whole = (numbers: readonly number[]): Value => value([numbers.length], numbers, 'index')
/** Position of the largest number, the first of equals. */
const largest = (numbers: ArrayLike<number>): number => {
  let at = 0
  for (let i = 1; i < numbers.length; i++) if (numbers[i]! > numbers[at]!) at = i
  return at
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
