/** The child of cold.ts: answers one question with the tiny MG-LLaVA and tells its parent when, and how long every kernel took to compile. */
import { fileURLToPath } from 'node:url'
import { ask, load, onDevice } from 'sluice/models'
import { opened } from './measure.ts'

export interface Answered {
  /** from the start of the process to the end of the answer */
  readonly seconds: number
  readonly text: string
  readonly kernels: readonly { readonly label: string; readonly seconds: number }[]
}

const folder = fileURLToPath(new URL('../examples/data/tiny-mg-llava', import.meta.url))
const kernels: Answered['kernels'][number][] = []
const engine = onDevice({ onProgress: (_done, _of, label, seconds) => void kernels.push({ label, seconds }) })
const question = {
  image: `${folder}/street.png`,
  boxes: `${folder}/street.boxes.json`,
  prompt: 'What is left of the red square?',
}
const model = await opened(load(folder))
const { text } = await opened(ask(question, undefined, { engine })(model))
const answered: Answered = { seconds: performance.now() / 1000, text, kernels }
process.send?.(answered, () => process.exit(0))
