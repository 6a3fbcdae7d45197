/**
 * The part of the demo that is about being right rather than clever: a MG-LLaVA with random weights, whose every value between picture and
 * answer PyTorch has computed in float64, and a photograph that goes the same way.
 */
import { readFileSync } from 'node:fs'
import { files, openTensorFile, type TensorFile, type Value } from 'sluice'
import { load, onDevice, openSession, type Answer } from 'sluice/models'
import { progress } from '../bin/terminal.ts'
import type { BoxedPicture } from './html.ts'
import { done, title } from './terminal.ts'

/** How far a stage is from the reference. */
export interface Agreement {
  readonly stage: string
  readonly shape: readonly number[]
  /** the largest difference, in standard deviations of the stage */
  readonly apart: number
}
export interface Stages {
  readonly photo: BoxedPicture
  readonly question: string
  readonly answer: string
  readonly gate: number
  readonly agreement: readonly Agreement[]
  /** every stage is within `limit`, and the answer is the reference's */
  readonly agrees: boolean
  readonly limit: number
}

const folder = 'examples/data/tiny-mg-llava'
const photograph = {
  image: 'examples/data/coco/street.jpg',
  boxes: 'examples/data/coco/street.boxes.json',
  prompt: 'What is left of the bus?',
}
const known = {
  image: `${folder}/street.png`,
  boxes: `${folder}/street.boxes.json`,
  prompt: 'What is left of the red square?',
}
/** Standard deviations that a stage may be away from the reference in float32: what the reference data allows. */
const limit = 1e-4

/** The largest difference, in standard deviations of what is wanted. */
const apart = (got: Value, wanted: ArrayLike<number>): number => {
  const numbers = Array.from(wanted)
  const mean = numbers.reduce((a, b) => a + b, 0) / numbers.length
  const deviation = Math.sqrt(numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / numbers.length) || 1
  return Math.max(...numbers.map((x, i) => Math.abs(x - (got.data[i] ?? Number.NaN)))) / deviation
}
const agreementWith = async (expected: TensorFile, { stages }: Answer): Promise<readonly Agreement[]> => {
  const found: Agreement[] = []
  for (const [stage, got] of Object.entries(stages)) {
    const wanted = expected.tensors.get(`0/${stage}`)
    if (wanted === undefined || got.kind !== 'float') continue
    found.push({ stage, shape: got.shape, apart: apart(got, await done(wanted.read)) })
  }
  return found
}

const photo = (): BoxedPicture => {
  const { boxes, labels } = JSON.parse(readFileSync(photograph.boxes, 'utf8'))
  return {
    bytes: readFileSync(photograph.image),
    type: 'jpeg',
    width: 640,
    height: 480,
    boxes: boxes.map((corners: number[], i: number) => ({ corners, label: labels[i] })),
  }
}

/** Asks both questions, and says how far every stage is from the reference. */
export const stagesBesideReference = async (): Promise<Stages> => {
  title(`${known.image}: stage by stage beside values computed by PyTorch in float64`)
  console.log('The weights of this model are random: it shows that every stage agrees, not that it can answer.\n')
  const bar = progress('compiling')
  const session = openSession(await done(load(folder)), undefined, onDevice({ onProgress: bar.at }))
  const answered = await done(session.ask(known, { stages: true }))
  bar.stop()
  const agreement = await agreementWith(
    await done(openTensorFile(files.within(folder), 'expected.safetensors')),
    answered,
  )
  for (const { stage, shape, apart } of agreement)
    console.log(`${stage.padEnd(20)} ${`[${shape.join(', ')}]`.padEnd(16)} ${apart.toExponential(1)}`)
  const [{ text: wanted }] = JSON.parse(readFileSync(`${folder}/expected.json`, 'utf8')).questions
  const agrees = agreement.every(({ apart }) => apart <= limit) && answered.text === wanted
  console.log(`the answer is ${answered.text === wanted ? 'the same' : 'another'}: ${answered.text}`)
  console.log(agrees ? `every stage is within ${limit}` : `NOT every stage is within ${limit}`)

  const seen = await done(session.ask(photograph, { stages: true }))
  session.dispose()
  const gate = seen.stages['fusion/g']!.data[0]!
  console.log(`\n${photograph.image}: ${photograph.prompt}\n${seen.text}\ngate ${gate.toFixed(4)}`)
  return { photo: photo(), question: photograph.prompt, answer: seen.text, gate, agreement, agrees, limit }
}
