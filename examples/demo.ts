/**
 * The demo: a whole MG-LLaVA on a photograph, the same folder on a picture whose every intermediate value is known, and a Llama with
 * trained weights. It prints what it finds and leaves a page of HTML to look at. `npm run demo`, also as the first command in a clone.
 */
import { either as E } from 'fp-ts'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import colours from 'picocolors'
import { compile, describe, files, graph, openTensorFile, sharedDevice, value } from 'sluice'
import type { Door, Feeds, Lowered, Pass, Profile, TensorFile, Value } from 'sluice'
import { byReference, load, mgLlava, onDevice, openSession, type Answer, type LoadedMgLlava } from 'sluice/models'
import { progress } from '../bin/terminal.ts'
import { demoPage, type Agreement } from './demo-page.ts'
import { story } from './story.ts'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

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

const start = performance.now()
const title = (text: string): void => console.log(`\n── ${colours.bold(text)}`)
/** The value of a door. The demo has nobody to hand an error to: it says what is wrong, and stops. */
const opened = async <A>(door: Door<A>): Promise<A> => {
  const result = await door()
  if (E.isRight(result)) return result.right
  console.error(result.left.message)
  process.exit(1)
}

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
    found.push({ stage, shape: got.shape, apart: apart(got, await opened(wanted.read)) })
  }
  return found
}

/** What the model reads for a question, out of what was computed for its answer. */
const feedsOf = ({ stages, inputIds }: Answer): Feeds => {
  const at = inputIds.findIndex(id => id < 0)
  const ids = (part: readonly number[]): Value => value([part.length], part, 'index')
  return {
    image: stages.pixel_values!,
    detail: stages.pixel_values_aux!,
    boxes: stages.boxes!,
    before: ids(inputIds.slice(0, at)),
    after: ids(inputIds.slice(at + 1)),
  }
}

/** Milliseconds by part of the model. */
const byPart = ({ passes }: Profile): readonly (readonly [string, number])[] => {
  const times = new Map<string, number>()
  for (const { path, milliseconds } of passes) {
    const part = /^visual\.trunk/.exec(path)?.[0] ?? path.split('.')[0] ?? ''
    const name = part === '' ? '(between)' : part
    times.set(name, (times.get(name) ?? 0) + milliseconds)
  }
  return [...times]
}
/** The first kernel of a part that does the work of several ops. */
const fused = (lowered: Lowered, part: string): Pass =>
  lowered.passes.find(({ path, label }) => path.startsWith(part) && label.includes(' + ')) ?? lowered.passes[0]!

// ---- the model ---------------------------------------------------------------------------------------------------------
const device = await opened(sharedDevice)
title(`MG-LLaVA on ${device.name}`)
console.log('Its weights are random: it shows that every stage runs and agrees, not that it can answer.\n')
const model: LoadedMgLlava = await opened(load(folder))
const graphOf = mgLlava(model.parts)
const tree = describe(graphOf, { depth: 1, sizes: { before: 8, boxes: 12, after: 24 } })
console.log(tree)

// ---- a photograph ------------------------------------------------------------------------------------------------------
title(`${photograph.image}: ${photograph.prompt}`)
const bar = progress('compiling')
const session = openSession(model, undefined, onDevice({ onProgress: bar.at }))
const seen = await opened(session.ask(photograph, { stages: true }))
bar.stop()
const gate = seen.stages['fusion/g']!.data[0]!
console.log(seen.text)
console.log(`gate ${gate.toFixed(4)}`)

const program = await opened(compile(graphOf, { weights: model.weights, onProgress: bar.at }))
bar.stop()
const feeds = feedsOf(seen)
const logits = (await opened(program.run(feeds))).output!
const exact = (await opened((await opened(byReference({ output: graphOf }, model.weights))).run(feeds))).output!
const photoApart = apart(logits, exact.data)
console.log(`logits on the device and in float64 are ${photoApart.toExponential(1)} standard deviations apart`)

const profile = await opened(program.profile(feeds))
title(`${profile.passes.length} passes of ${program.kernels} kernels: ${profile.milliseconds.toFixed(1)} ms`)
for (const [part, milliseconds] of byPart(profile))
  console.log(`${part.padEnd(16)} ${milliseconds.toFixed(2).padStart(8)} ms`)

// ---- a picture with known values ---------------------------------------------------------------------------------------
title(`${known.image}: stage by stage beside values computed by PyTorch in float64`)
const answered = await opened(session.ask(known, { stages: true }))
bar.stop()
session.dispose()
const expected = await opened(openTensorFile(files.within(folder), 'expected.safetensors'))
const agreement = await agreementWith(expected, answered)
for (const { stage, shape, apart } of agreement)
  console.log(`${stage.padEnd(20)} ${`[${shape.join(', ')}]`.padEnd(16)} ${apart.toExponential(1)}`)
const [{ text: wanted }] = JSON.parse(readFileSync(`${folder}/expected.json`, 'utf8')).questions
const agrees = agreement.every(({ apart }) => apart <= limit) && answered.text === wanted && photoApart <= limit
console.log(`the answer is ${answered.text === wanted ? 'the same' : 'another'}: ${answered.text}`)
console.log(agrees ? `every stage is within ${limit}` : `NOT every stage is within ${limit}`)

// ---- trained weights ---------------------------------------------------------------------------------------------------
title('stories260K, a Llama with trained weights, through the same code')
const prompt = 'Once upon a time'
const told = await opened(story(prompt, 60))
console.log(told)

// ---- the page ----------------------------------------------------------------------------------------------------------
const { boxes, labels } = JSON.parse(readFileSync(photograph.boxes, 'utf8'))
const kernel = fused(program.lowered, 'projector')
const page = demoPage({
  photo: {
    base64: readFileSync(photograph.image).toString('base64'),
    width: 640,
    height: 480,
    boxes: boxes.map((corners: number[], i: number) => ({ corners, label: labels[i] })),
    source: 'https://www.flickr.com/photo.gne?id=8195678412',
    licence: 'CC BY 2.0',
  },
  question: photograph.prompt,
  answer: seen.text,
  gate,
  adapter: device.name,
  tree: describe(graphOf),
  graph: await opened(graph(graphOf, { depth: 0 })),
  agreement,
  limit,
  passes: profile.passes,
  kernel: { name: `${kernel.label}, at ${kernel.path}`, wgsl: kernel.wgsl },
  story: { prompt, continued: told.slice(prompt.length) },
})
mkdirSync('out', { recursive: true })
writeFileSync('out/demo.html', page)
program.dispose()
title(`a page with all of it: ${pathToFileURL('out/demo.html').href}`)
console.log(`took ${((performance.now() - start) / 1000).toFixed(0)} s`)
if (!agrees) process.exitCode = 1
