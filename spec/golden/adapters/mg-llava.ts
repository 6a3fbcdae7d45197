/**
 * Whole models: every folder with an mg-llava.json is a case. It is loaded and asked as a user would do it, with every value
 * between picture and answer kept, and these are compared under the names of the README in the order in which they come to
 * be. `gap` says how safe an answer is and is not compared: it follows from `generated_logits`.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Value } from '../../../lib/index.ts'
import { nodeFolder } from '../../../lib/node/files.ts'
import { decodePicture } from '../../../lib/node/pictures.ts'
import {
  openSession,
  padBatch,
  readBatch,
  type Answer,
  type Question,
  type Session,
} from '../../../models/answer/index.ts'
import { load, type LoadedMgLlava } from '../../../models/load/index.ts'
import { readQuestions } from '../../../models/text/index.ts'
import {
  exactly,
  firstDivergence,
  judged,
  under,
  type GoldenCase,
  type Limits,
  type Numbers,
  type Stage,
  type Verdict,
} from '../judge.ts'
import type { Machine } from '../machine.ts'
import { jsonOf, opened, right, tensorsOf, type Tensors } from './stages.ts'

export const casesIn = (folder: string, name: string): readonly GoldenCase[] =>
  existsSync(join(folder, 'mg-llava.json')) ? [{ area: 'mg-llava', name, group: name, folder, within: [] }] : []

export const check = (cases: readonly GoldenCase[], machine: Machine): Promise<readonly Verdict[]> =>
  Promise.all(cases.map(({ folder }) => judged(() => checkFolder(folder, machine))))

const checkFolder = async (folder: string, machine: Machine): Promise<string | undefined> => {
  const files = nodeFolder(folder)
  const model = await opened(load(files))
  const session = openSession(model, { files, decode: decodePicture }, machine.engine)
  try {
    return await checkQuestions(folder, model, session, machine)
  } finally {
    session.dispose()
  }
}
const checkQuestions = async (
  folder: string,
  model: LoadedMgLlava,
  session: Session,
  machine: Machine,
): Promise<string | undefined> => {
  const expected = tensorsOf(folder, 'expected.safetensors')
  const { questions: texts } = jsonOf<{ readonly questions: readonly ExpectedText[] }>(folder, 'expected.json')
  const text = readFileSync(join(folder, 'questions.json'), 'utf8')
  const questions: readonly Question[] = right(
    readQuestions(text, 'questions.json', { needBoxes: 'boxes' in model.parts }),
  )
  const answers: Answer[] = []
  for (const [i, question] of questions.entries()) {
    const answer = await opened(session.ask(question, { stages: true }))
    const wrong =
      firstDivergence(stagesOf(under(expected, `${i}/`), answer, question.video !== undefined)) ??
      wrongText(model, answer, texts[i]!)
    if (wrong !== undefined) return `question ${i}, ${wrong}`
    answers.push(answer)
  }
  const batch = under(expected, 'batch/')
  return batch.size === 0 ? undefined : checkBatch(batch, model, answers, machine)
}

/** All questions as one batch: what the model reads, and on real positions the logits of the single runs. */
const checkBatch = async (
  expected: Tensors,
  model: LoadedMgLlava,
  answers: readonly Answer[],
  machine: Machine,
): Promise<string | undefined> => {
  const { sequence, attentionMask, positions } = padBatch(answers.map(({ stages }) => stages.sequence!))
  const made = { sequence, attention_mask: attentionMask, position_ids: positions }
  const stages = Object.entries(made).map(([name, got]): Stage => {
    const wanted = expected.get(name)!
    return { stage: `batch/${name}`, wanted, got, limits: name === 'sequence' ? share(wanted, 1e-4) : exactly }
  })
  const prepared = await opened(machine.engine({ logits: readBatch(model.parts) }, model.weights))
  const { logits } = await opened(prepared.run({ sequence, positions }))
  prepared.dispose()
  const [, tokens, vocabulary] = logits!.shape as [number, number, number]
  const rows = answers.map(({ stages }, i): Stage => {
    const wanted = stages.logits!
    const got = { ...wanted, data: logits!.data.subarray(i * tokens * vocabulary).subarray(0, wanted.data.length) }
    return { stage: `batch/logits of question ${i}`, wanted, got, limits: share(wanted, 1e-4) }
  })
  return firstDivergence([...stages, ...rows])
}

// ---- stages --------------------------------------------------------------------------------------------------------
/** Names of stages in the order of computation. */
const order = [
  /^input_ids$/,
  /^pixel_values_aux$/,
  /^pixel_values$/,
  /^box_counts$/,
  /^boxes$/,
  /^clip\/hidden_/,
  /^E_L$/,
  /^convnext\/stage_/,
  /^E_H$/,
  /^R$/,
  /^fusion\//,
  /^E_F$/,
  /^A$/,
  /^picture$/,
  /^objects$/,
  /^sequence$/,
  /^llm\/layer_/,
  /^llm\/norm$/,
  /^logits$/,
  /^generated_logits$/,
  /^generated$/,
]
const notCompared = ['gap']
const placeOf = (name: string): number => {
  const place = order.findIndex(pattern => pattern.test(name))
  if (place < 0) throw new Error(`the case expects '${name}', which no stage is called`)
  return place
}
const inOrder = (names: readonly string[]): readonly string[] =>
  [...names].sort((a, b) => placeOf(a) - placeOf(b) || a.localeCompare(b, 'en', { numeric: true }))

const stagesOf = (expected: Tensors, { stages }: Answer, video: boolean): readonly Stage[] => {
  const names = inOrder([...expected.keys()].filter(name => !notCompared.includes(name)))
  return names.map(name => {
    // without a second tower the fused map is the first one's
    const got: Value | undefined = stages[name] ?? (name === 'E_F' ? stages.E_L : undefined)
    if (got === undefined) throw new Error(`the answer has no stage '${name}'`)
    const wanted = expected.get(name)!
    const whole = wanted.dtype !== 'F32' || name === 'boxes'
    const limits = whole ? exactly : share(wanted, name === 'pixel_values_aux' && !video ? 1e-6 : 1e-4)
    return { stage: name, wanted, got, limits }
  })
}
/** A share of the standard deviation of what is expected; of its size, where that is one number. */
const share = ({ data }: Numbers, of: number): Limits => {
  const list = Array.from(data)
  const mean = list.reduce((a, b) => a + b, 0) / list.length
  const std = Math.sqrt(list.reduce((a, b) => a + (b - mean) ** 2, 0) / list.length)
  return { atol: of * (list.length > 1 ? std : Math.abs(mean)), rtol: 0 }
}

// ---- text ----------------------------------------------------------------------------------------------------------
interface ExpectedText {
  readonly prompt: string
  readonly tokens: readonly string[]
  readonly generated_tokens: readonly string[]
  readonly ended_by: string
  readonly text: string
}
const wrongText = ({ tokenizer }: LoadedMgLlava, answer: Answer, expected: ExpectedText): string | undefined => {
  const [marker] = /<image>|<video>/.exec(answer.prompt) ?? []
  const pieces = (ids: readonly number[]) => ids.map(id => (id < 0 ? marker : tokenizer.pieceOf(id)))
  const said: ExpectedText = {
    prompt: answer.prompt,
    tokens: pieces(answer.inputIds) as readonly string[],
    generated_tokens: pieces(answer.generated) as readonly string[],
    ended_by: answer.endedBy,
    text: answer.text,
  }
  const keys = ['prompt', 'tokens', 'generated_tokens', 'ended_by', 'text'] as const
  const other = keys.find(key => JSON.stringify(said[key]) !== JSON.stringify(expected[key]))
  return other && `${other}: ${JSON.stringify(said[other])}, should be ${JSON.stringify(expected[other])}`
}
