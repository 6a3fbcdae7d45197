/**
 * The vision half of MG-LLaVA at its real size (CLIP ViT-L/14-336, ConvNeXt-L at 768, Conv-Gate, the features of 12 boxes, projectors)
 * beside PyTorch on the same processor, with the same weights by formula. Both hold their weights; they take turns.
 *
 *   SLUICE_PYTHON=python-with-torch npx tsx --conditions=sluice-source bench/vision.ts [--quick]
 */
import { fileURLToPath } from 'node:url'
import { compile, count, sharedDevice } from 'sluice'
import { fullVision } from '../spec/golden/adapters/vision-full.ts'
import { contestant, noTorch, python } from './contestant.ts'
import { figure, median, opened, ratio } from './measure.ts'
import { emit, progress } from './report.ts'

const rounds = process.argv.includes('--quick') ? 1 : 2
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const folder = here('../spec/full/phi-3-width')

interface Answer {
  readonly seconds: number
  readonly processor: number
  readonly worst: number
}
const peer = contestant<{ readonly version: string }, Answer>([python, here('vision_torch.py'), folder], noTorch)
const { version } = await peer.ready
progress(`PyTorch ${version} has its weights`)
const { results, feeds, sizes, weights } = fullVision(folder)
const device = await opened(sharedDevice)
const program = await opened(compile(results, { device, weights }))
progress('Sluice has its weights')
const worst: number[] = []
/** Seconds by the clock, and of the processor: what other work on the machine lengthens, and what it does not. */
interface Times {
  readonly clock: number
  readonly processor: number
}
const theirs: Times[] = []
const ours: Times[] = []
for (let round = 0; round < rounds; round++) {
  const { seconds, processor, worst: off } = await peer.turn()
  worst.push(off)
  theirs.push({ clock: seconds, processor })
  const [start, busy] = [performance.now(), process.cpuUsage()]
  await opened(program.run(feeds))
  const { user, system } = process.cpuUsage(busy)
  ours.push({ clock: (performance.now() - start) / 1000, processor: (user + system) / 1e6 })
  progress(`round ${round + 1} of ${rounds}`)
}
peer.end()
const flops = Number(count(results, { sizes, depth: 0 }).flops)
const row = (name: string, times: readonly Times[]): readonly string[] => {
  const [clock, processor] = (['clock', 'processor'] as const).map(key => times.map(t => t[key]))
  const ratios = [clock!, processor!].map((of, k) =>
    ratio(
      of,
      theirs.map(t => t[k === 0 ? 'clock' : 'processor']),
    ),
  )
  return [
    name,
    figure(median(clock!)),
    figure(median(processor!)),
    figure(flops / median(clock!) / 1e9),
    ...ratios.map(figure),
  ]
}
emit({
  title: 'The vision flow at full size',
  command: 'npx tsx --conditions=sluice-source bench/vision.ts',
  says: [
    `${figure(flops / 1e9)} GFLOP: CLIP to its last but one layer, ConvNeXt, Conv-Gate, box features, projectors; float32, weights by formula.`,
    `PyTorch's tokens are within ${figure(Math.max(...worst))} of the limit of the reference data; Sluice's stages are held to it by npm run test:full.`,
  ],
  tables: [
    {
      caption: `medians of ${rounds} rounds; ratios over PyTorch in the same round, by the clock and by processor time`,
      head: ['', 'seconds', 'processor s', 'GFLOP/s', 'ratio', 'by processor'],
      rows: [row(`PyTorch ${version} CPU, 2 threads`, theirs), row(`Sluice on ${device.name}`, ours)],
    },
  ],
  data: { flops, torch: theirs, sluice: ours },
})
program.dispose()
device.dispose()
