/**
 * Steps of training in Sluice, for bench/training.ts: `training-sluice.ts LESSON [again]`, again: with blocks computed again for their
 * gradients. Says what the plan says it needs, and answers each line of stdin with a step and with what was measured. Memory of the
 * device is counted by a second witness, at every buffer and image that is made.
 */
import { createInterface } from 'node:readline'
import { openDevice, openTrainer, stepMemory, topological, type StepMemory } from 'sluice'
import { bind } from '../lib/interpret/bind.ts'
import { meter } from '../spec/device/meter.ts'
import { opened } from './measure.ts'
import { lessons, momentOf, options, type LessonName } from './training-steps.ts'

/** What every contestant says before it begins: itself, and the most bytes of its process so far. */
export interface Ready {
  readonly version: string
  readonly before: number
  readonly planned?: StepMemory
}
/** A step: seconds by the clock and of the processor, and the most bytes of the process so far. */
export interface Turn {
  readonly loss: number
  readonly norm: number
  readonly seconds: number
  readonly processor: number
  readonly resident: number
  /** most bytes of buffers and images on the device within the step, where that is known */
  readonly held?: number
}

const [name, again] = process.argv.slice(2) as [LessonName, 'again'?]
const { loss, weights, feeds, blocks } = await lessons[name]()
const chosen = again === undefined ? options : { ...options, recompute: [blocks] }
const device = await opened(openDevice())
const resident = (): number => 1024 * process.resourceUsage().maxRSS
const say = (what: Ready | Turn): void => void process.stdout.write(`${JSON.stringify(what)}\n`)

const { sizes } = await opened(async () => bind(topological([loss]), feeds))
const planned = await opened(async () => stepMemory(loss, chosen, device.profile, sizes))
const before = resident()
const count = meter(device.gpu)
const trainer = await opened(openTrainer({ loss, weights }, { ...chosen, device }))
say({ version: device.name, before, planned })
let step = 0
for await (const _ of createInterface(process.stdin)) {
  const [start, busy] = [performance.now(), process.cpuUsage()]
  count.mark()
  const { loss: found, norm } = await opened(trainer.step(feeds, momentOf(++step)))
  const { user, system } = process.cpuUsage(busy)
  const seconds = (performance.now() - start) / 1000
  say({
    loss: found,
    norm: norm!,
    seconds,
    processor: (user + system) / 1e6,
    resident: resident(),
    held: count.peak(),
  })
}
trainer.dispose()
device.dispose()
