/** A whole golden model asked its questions by the references in float64: every value on the way against PyTorch's. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Value } from '../../lib/index.ts'
import { nodeFolder } from '../../lib/node/files.ts'
import { decodePicture } from '../../lib/node/pictures.ts'
import { byReference, openSession } from '../../models/answer/index.ts'
import { load } from '../../models/load/index.ts'
import { readQuestions } from '../../models/text/index.ts'
import { goldenTensors, type GoldenTensor } from '../golden/tensors.ts'
import { right } from './values.ts'

/** Loads a case, asks so many of its questions, and expects everything that it says of them. */
export const expectAnswers = async (folder: string, most = Infinity): Promise<void> => {
  const model = right(await load(nodeFolder(folder))())
  const session = openSession(model, { files: nodeFolder(folder), decode: decodePicture }, byReference)
  const text = readFileSync(join(folder, 'questions.json'), 'utf8')
  const questions = right(readQuestions(text, 'questions.json', { needBoxes: 'boxes' in model.parts }))
  const golden = goldenTensors(join(folder, 'expected.safetensors'))
  const { questions: said } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'))
  for (const [i, question] of questions.slice(0, most).entries()) {
    const { prompt, text: answered, endedBy, stages } = right(await session.ask(question, { stages: true })())
    expect({ prompt, text: answered, ended_by: endedBy }).toEqual({
      prompt: said[i].prompt,
      text: said[i].text,
      ended_by: said[i].ended_by,
    })
    const wanted = [...golden.keys()].filter(key => key.startsWith(`${i}/`)).map(key => key.slice(`${i}/`.length))
    expect(Object.keys(stages).sort()).toEqual(wanted.sort())
    for (const stage of wanted) expectStage(stage, stages[stage]!, golden.get(`${i}/${stage}`)!)
  }
  session.dispose()
}

const expectStage = (stage: string, got: Value, { dtype, shape, data }: GoldenTensor): void => {
  expect(got.shape, stage).toEqual(shape)
  const wanted = Array.from<number>(data)
  if (dtype === 'I32') return expect(Array.from(got.data), stage).toEqual(wanted)
  const mean = wanted.reduce((a, b) => a + b, 0) / wanted.length
  const deviation = Math.sqrt(wanted.reduce((a, x) => a + (x - mean) ** 2, 0) / wanted.length)
  const off = wanted.reduce((most, x, k) => Math.max(most, Math.abs(x - got.data[k]!)), 0)
  // a single number has no deviation
  expect(off / (deviation || 1), stage).toBeLessThan(1e-5)
}
