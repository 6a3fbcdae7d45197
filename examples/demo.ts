/**
 * The demo: the small MG-LLaVA that Sluice trained answers questions about scenes that it has never seen; then a model whose every
 * intermediate value is known, and a Llama with trained weights. It prints what it finds and leaves a page of HTML to look at.
 * `npm run demo`, also as the first command in a clone.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import colours from 'picocolors'
import {
  compile,
  describe,
  graph,
  parameters,
  sharedDevice,
  value,
  type Feeds,
  type Lowered,
  type Pass,
  type Profile,
  type Value,
} from 'sluice'
import { load, mgLlava, onDevice, openSession, type Answer } from 'sluice/models'
import { progress } from '../bin/terminal.ts'
import { demoPage } from './demo-page.ts'
import { scenesSection } from './emoji/show-page.ts'
import {
  askAbout,
  freshScenes,
  hostOf,
  newIn,
  scoreOf,
  splitsShown,
  type Answered,
  type AnsweredScene,
} from './emoji/show.ts'
import { readWorld } from './emoji/scenes.ts'
import { stagesBesideReference } from './stages.ts'
import { story } from './story.ts'
import { done, title } from './terminal.ts'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const start = performance.now()

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
const saying = ({ right, question, said, answer }: Answered): string =>
  `${right ? colours.green('right') : colours.red('WRONG')}  ${question.padEnd(44)} ${said || '(nothing)'}${right ? '' : `  (it is: ${answer})`}`

// ---- fresh scenes ------------------------------------------------------------------------------------------------------
const device = await done(sharedDevice)
title(`A small MG-LLaVA, trained by Sluice, on ${device.name}`)
const model = await done(load('examples/data/emoji-mg-llava'))
const graphOf = mgLlava(model.parts)
const weightCount = parameters(graphOf).reduce((sum, { shape }) => sum + shape.map(Number).reduce((a, b) => a * b), 0)
console.log(`${(weightCount / 1e6).toFixed(1)} million weights, both vision towers and the language model together`)

const world = await readWorld()
const fresh = await freshScenes(world)
const bar = progress('compiling')
const session = openSession(model, hostOf(fresh), onDevice({ onProgress: bar.at }))
const scenes: AnsweredScene[] = []
let last: Answer | undefined
for (const scene of fresh) {
  title(`a fresh scene, ${scene.split}: ${newIn[scene.split]}`)
  const answered = askAbout(session, (one, answer) => {
    bar.stop()
    console.log(saying(one))
    last = answer
  })
  const marked = await done(answered(scene))
  console.log(`gate ${marked.gate.toFixed(4)}`)
  scenes.push(marked)
}
session.dispose()
title('answers that are right, to the letter')
for (const split of splitsShown) console.log(`${split}: ${scoreOf(scenes, split).join(' of ')}`)

const program = await done(compile(graphOf, { weights: model.weights, onProgress: bar.at }))
bar.stop()
const profile = await done(program.profile(feedsOf(last!)))
title(
  `reading a question: ${profile.passes.length} passes of ${program.kernels} kernels, ${profile.milliseconds.toFixed(1)} ms`,
)
for (const [part, milliseconds] of byPart(profile))
  console.log(`${part.padEnd(16)} ${milliseconds.toFixed(2).padStart(8)} ms`)

// ---- beside the reference ----------------------------------------------------------------------------------------------
const stages = await stagesBesideReference()

// ---- a language model alone --------------------------------------------------------------------------------------------
title('stories260K, a Llama with trained weights, through the same code')
const prompt = 'Once upon a time'
const told = await done(story(prompt, 60))
console.log(told)

// ---- the page ----------------------------------------------------------------------------------------------------------
const kernel = fused(program.lowered, 'projector')
const page = demoPage({
  adapter: device.name,
  scenes: scenesSection(scenes, world.index),
  tree: describe(graphOf),
  graph: await done(graph(graphOf, { depth: 0 })),
  passes: profile.passes,
  kernel: { name: `${kernel.label}, at ${kernel.path}`, wgsl: kernel.wgsl },
  stages,
  story: { prompt, continued: told.slice(prompt.length) },
})
mkdirSync('out', { recursive: true })
writeFileSync('out/demo.html', page)
program.dispose()
title(`a page with all of it: ${pathToFileURL('out/demo.html').href}`)
console.log(`took ${((performance.now() - start) / 1000).toFixed(0)} s`)
if (!stages.agrees) process.exitCode = 1
