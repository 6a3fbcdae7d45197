/**
 * `npm run test:full -- [--profile]`: the vision half of MG-LLaVA at its real size on the device, weights by formula, every stage held
 * to its golden. Then memory: a run takes what the plan said before anything was allocated, the flow stays within its budget, and the
 * joined map of all stages (2880 × 192 × 192) never exists. Times are printed and judged by nobody, since they are the machine's too.
 */
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { either as E } from 'fp-ts'
import { showBytes } from '../../lib/compile/limits.ts'
import { memoryPlanner, type MemoryPlan } from '../../lib/compile/memory.ts'
import type { Bindings } from '../../lib/interpret/bind.ts'
import {
  compile,
  formatProfile,
  inputOf,
  load,
  lower,
  openDevice,
  scope,
  value,
  type Device,
  type Door,
  type Lowered,
  type Profile,
  type Program,
} from '../../lib/index.ts'
import { convNextBlock } from '../../models/convnext.ts'
import { meter } from '../device/meter.ts'
import { fullVision } from '../golden/adapters/vision-full.ts'
import { goldenCases } from '../golden/where.ts'

/** Most bytes on the device beside the weights, while the flow runs. */
const mostBesideWeights = 600e6
/** Most bytes of the whole process, which on a driver in software holds what is on the device. */
const mostOfProcess = 8e9
const joinedMap = 2880 * 192 * 192

const opened = async <A>(door: Door<A>): Promise<A> => {
  const result = await door()
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)
const figure = (n: number): string => n.toPrecision(3)

/** What a run takes beside the weights, as the plan says it. */
const besideWeights = ({ memory: { work, images, transfer } }: MemoryPlan): number => work + images + transfer
const planOf = (lowered: Lowered, profile: Parameters<typeof memoryPlanner>[1], sizes: Bindings): MemoryPlan => {
  const plan = memoryPlanner(lowered, profile).plan(sizes)
  if (E.isLeft(plan)) throw new Error(plan.left.message)
  return plan.right
}

/** A pass's block as a line of the table: towers by stage, the rest by part. */
const partOf = (path: string): string => /^(visual\.trunk\.(stem|stages\.\d)|[^.]+)/.exec(path)?.[0] ?? path
const printProfile = (profile: Profile, seconds: number): void => {
  const passes = profile.passes.map(pass => ({
    ...pass,
    label: pass.label.replace(/^image of .*/, 'copy into an image'),
    path: partOf(pass.path),
  }))
  for (const by of ['block', 'kernel'] as const) console.log(`\n${formatProfile({ ...profile, passes }, { by })}`)
  // every kernel at the best of the times that it ran
  const best = new Map<string, number>()
  const keyOf = ({ label, flops, bytes }: (typeof passes)[number]): string => `${label} ${flops} ${bytes}`
  for (const pass of passes)
    best.set(keyOf(pass), Math.min(best.get(keyOf(pass)) ?? Number.POSITIVE_INFINITY, pass.milliseconds))
  const alone = sum(passes.map(pass => best.get(keyOf(pass))!)) / 1000
  console.log(
    `\nkernels alone, at their best: ${figure(alone)} s; the run reaches ${Math.round((100 * alone) / seconds)} % of that`,
  )
}

/**
 * A block of ConvNeXt's first stage as LLaVA-HR runs it, at 1024 pixels: its hidden map of 201 MB is more than many devices bind. Some
 * rows in the middle, by themselves, must come out the same.
 */
const checkParts = async (device: Device, expect: (holds: boolean, what: string) => void): Promise<void> => {
  const [channels, side, kept, halo] = [192, 256, 48, 3]
  const from = (side - kept) / 2
  const block = scope('block', convNextBlock(channels))
  const x = Float32Array.from({ length: channels * side * side }, (_, i) => Math.sin(i))
  const rowsOf = (map: Float32Array, first: number, count: number): Float32Array => {
    const rows = new Float32Array(channels * count * side)
    for (let c = 0; c < channels; c++)
      rows.set(map.subarray((c * side + first) * side, (c * side + first + count) * side), c * count * side)
    return rows
  }
  const run = async (height: number, data: Float32Array): Promise<{ program: Program; map: Float32Array }> => {
    const program = await opened(compile(block(inputOf('x', [channels, height, side])), { device, seed: 1 }))
    const { output } = await opened(program.run({ x: value([channels, height, side], data) }))
    program.dispose()
    return { program, map: output!.data as Float32Array }
  }
  const { program, map } = await run(side, x)
  const { map: middle } = await run(kept + 2 * halo, rowsOf(x, from - halo, kept + 2 * halo))
  const inner = new Float32Array(channels * kept * side)
  for (let c = 0; c < channels; c++) {
    const start = (c * (kept + 2 * halo) + halo) * side
    inner.set(middle.subarray(start, start + kept * side), c * kept * side)
  }
  const written = program.lowered.passes.map(pass => pass.write.slice)
  const larger = 4 * 4 * channels * side ** 2 > device.profile.maxBinding
  expect(!larger || written.some(slice => slice !== undefined), 'the hidden map is bound whole')
  expect(Buffer.from(rowsOf(map, from, kept).buffer).equals(Buffer.from(inner.buffer)), 'rows differ where parts meet')
}

const command = async (): Promise<number> => {
  const { values: options } = parseArgs({ options: { profile: { type: 'boolean', default: false } } })
  const here = fileURLToPath(new URL('phi-3-width', import.meta.url))
  const folder = goldenCases('vision/full')[0]?.folder ?? here
  let since = performance.now()
  const lap = (what: string, more = ''): number => {
    const seconds = (performance.now() - since) / 1000
    console.log(`${what.padEnd(28)} ${seconds.toFixed(2).padStart(6)} s  ${more}`.trimEnd())
    since = performance.now()
    return seconds
  }
  const wrong: string[] = []
  const expect = (holds: boolean, what: string): void => {
    if (!holds) wrong.push(what)
  }

  const { results, stages, feeds, sizes, weights, judge } = fullVision(folder)
  lap('graph, picture')
  const device = await opened(openDevice())
  const count = meter(device.gpu)
  lap('device', `${device.name}, ${availableParallelism()} cores`)
  const [lowered, flow] = [stages, results].map(outputs => lower(outputs, { profile: device.profile })) as [
    Lowered,
    Lowered,
  ]
  const plans = { stages: planOf(lowered, device.profile, sizes), flow: planOf(flow, device.profile, sizes) }
  lap('passes', `${flow.passes.length}, and ${flow.prepare.length} for the weights`)
  const program = await opened(load(lowered, device, weights))
  const held = count.held()
  const { weights: raw, prepared } = plans.stages.memory
  lap('weights made and packed', `${showBytes(held)} held, ${showBytes(count.peak())} at most`)
  await opened(program.warm())
  lap('kernels', `${program.kernels}`)
  count.mark()
  const busy = process.cpuUsage()
  const got = await opened(program.run(feeds))
  const seconds = (performance.now() - since) / 1000
  const { user, system } = process.cpuUsage(busy)
  const planner = memoryPlanner(lowered, device.profile)
  const flops = sum(lowered.passes.map(pass => planner.valueOf(pass.flops, plans.stages)))
  lap(
    'run',
    `${figure(flops / 1e9)} GFLOP, ${figure(flops / seconds / 1e9)} GFLOP/s; ${figure((user + system) / 1e6)} s of the processor`,
  )
  const verdict = judge(got)
  lap('judged', `${Object.keys(stages).length} stages ${verdict === undefined ? 'agree' : 'do not all agree'}`)
  expect(verdict === undefined, verdict ?? '')

  const measured = count.peak() - held
  const rss = 1024 * process.resourceUsage().maxRSS
  console.log(`
memory beside the weights    ${showBytes(measured)} measured, ${showBytes(besideWeights(plans.stages))} planned, with all stages read back
                             ${showBytes(besideWeights(plans.flow))} planned for the flow alone
weights                      ${showBytes(raw + prepared)} planned
process                      ${showBytes(rss)} at most`)
  expect(measured === besideWeights(plans.stages), 'a run takes other memory than was planned')
  expect(besideWeights(plans.flow) <= mostBesideWeights, 'the flow takes more memory than its budget')
  expect(count.largest() < 4 * joinedMap, 'something as large as the joined map was made')
  expect(rss <= mostOfProcess, 'the process takes more memory than its budget')

  await checkParts(device, expect)
  lap('a block at 1024 pixels', 'its hidden map exceeds a binding and runs in parts')
  if (options.profile) printProfile(await opened(program.profile(feeds, { rounds: 1 })), seconds)
  device.dispose()
  for (const what of wrong) console.error(`FAILED ${what}`)
  return wrong.length === 0 ? 0 : 1
}

try {
  process.exitCode = await command()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
