/**
 * Where the time of MG-LLaVA goes, at the sizes of the paper: a layer of CLIP ViT-L/14-336, ConvNeXt-L at 768 pixels with two blocks in
 * each stage, a layer of Vicuna-7B reading 640 tokens. Every pass with what it reaches, beside what the device reaches at best. Writes
 * docs/pictures/roofline.svg with --write.
 *
 *   npx tsx --conditions=sluice-source bench/flagship.ts [--quick] [--write]
 */
import { writeFileSync } from 'node:fs'
import { compile, input, scope, type Outputs, type Profile } from 'sluice'
import { clip, clipL336, convNext, convNextL, vicuna7b } from 'sluice/models'
import { iota } from 'sluice/ops'
import type { Rate } from '../lib/node/ceilings.ts'
import { doctor } from '../lib/node/doctor.ts'
import { llamaLayer } from '../models/llama.ts'
import { figure, opened } from './measure.ts'
import { emit, progress, type Table } from './report.ts'
import { allowed, roofline, type Point } from './roofline.ts'

const quick = process.argv.includes('--quick')
interface Part {
  readonly name: string
  readonly outputs: () => Outputs
  readonly feeds: Readonly<Record<string, Float32Array>>
  /** how often what is under a path stands in the whole model, where that is more than once */
  readonly times: readonly (readonly [path: string, times: number])[]
}
const noise = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => ((i * 7919) % 2003) / 1001 - 1)
const { depths } = convNextL
const tokens = 640
const parts: readonly Part[] = [
  {
    name: 'CLIP ViT-L/14-336',
    outputs: () => clip({ ...clipL336, layers: 2, select: -1 })(input('image', [3, 336, 336])),
    feeds: { image: noise(3 * 336 * 336) },
    times: [['vision_model.encoder.layers.0', clipL336.layers + clipL336.select]],
  },
  {
    name: 'ConvNeXt-L at 768',
    outputs: () => {
      const [one, two, three, four] = convNext({ ...convNextL, depths: [2, 2, 2, 2] })(input('image', [3, 768, 768]))
      return { one, two, three, four }
    },
    feeds: { image: noise(3 * 768 * 768) },
    times: depths.map((depth, stage) => [`visual.trunk.stages.${stage}.blocks.0`, depth - 1] as const),
  },
  ...(quick
    ? []
    : [
        {
          name: `Vicuna-7B, ${tokens} tokens`,
          outputs: () =>
            scope('layers.0', llamaLayer(vicuna7b))(input('x', [tokens, vicuna7b.width]), iota(tokens) as never),
          feeds: { x: noise(tokens * vicuna7b.width) },
          times: [['layers.0', vicuna7b.layers]] as const,
        },
      ]),
]

const { measured: before } = await opened(doctor)

interface Measured extends Part {
  readonly profile: Profile
}
const profiled: Measured[] = []
for (const part of parts) {
  const program = await opened(compile(part.outputs()))
  const profile = await opened(program.profile(part.feeds, { rounds: quick ? 1 : 3 }))
  program.dispose()
  profiled.push({ ...part, profile })
  progress(`${part.name}: ${figure(profile.milliseconds)} ms`)
}
// before and after: another program on the machine must not lower the roof
const { measured: after } = await opened(doctor)
const best = (a: Rate, b: Rate): Rate => (a.rate >= b.rate ? a : b)
const rates = (['arithmetic', 'copy', 'matmul', 'stream'] as const).map(name => best(before[name], after[name]))
const [arithmetic, copy, product, stream] = rates as [Rate, Rate, Rate, Rate]
const roof = { gflops: arithmetic.rate, gigabytesPerSecond: copy.rate }
const kernels = { gflops: product.rate, gigabytesPerSecond: stream.rate }

/** A pass, with all its repetitions in the whole model. */
interface Whole extends Point {
  readonly path: string
  readonly times: number
}
const wholeOf = ({ name, times, profile }: Measured): readonly Whole[] =>
  profile.passes.map(({ path, label, flops, bytes, milliseconds }) => {
    const n = times.find(([block]) => path === block || path.startsWith(`${block}.`))?.[1] ?? 1
    return { part: name, path, label, times: n, flops: n * flops, bytes: n * bytes, milliseconds: n * milliseconds }
  })
/** Passes of one name in blocks that differ in their number alone are one row. */
const together = (passes: readonly Whole[]): readonly Whole[] => {
  const rows = new Map<string, Whole>()
  for (const pass of passes) {
    const path = pass.path.replace(/^(vision_model\.encoder|visual\.trunk)\./, '').replace(/(layers|blocks)\.\d+/, '$1')
    const label = pass.label.replace(/^image of .*/, 'copy into an image')
    const sums = rows.get(`${path}: ${label}`) ?? { times: 0, flops: 0, bytes: 0, milliseconds: 0 }
    rows.set(`${path}: ${label}`, {
      part: pass.part,
      path,
      label,
      times: sums.times + pass.times,
      flops: sums.flops + pass.flops,
      bytes: sums.bytes + pass.bytes,
      milliseconds: sums.milliseconds + pass.milliseconds,
    })
  }
  return [...rows.values()]
}
const percent = (fraction: number): string => `${(100 * fraction).toFixed(1)} %`
const tableOf = (passes: readonly Whole[], caption: string): Table => {
  const all = passes.reduce((sum, p) => sum + p.milliseconds, 0)
  const cells = ({ path, label, times, flops, bytes, milliseconds }: Whole): readonly string[] => {
    const reached = flops / milliseconds / 1e6
    return [
      path,
      label,
      `${times}`,
      figure(milliseconds / times),
      percent(milliseconds / all),
      flops === 0 ? '–' : figure(reached),
      figure(bytes / milliseconds / 1e6),
      flops === 0 ? '–' : percent(reached / allowed(roof, flops / bytes)),
    ]
  }
  const head = ['block', 'pass', 'times', 'ms', 'share', 'GFLOP/s', 'GB/s', 'of roof']
  return { caption, head, rows: passes.map(cells) }
}
const summaryOf = (name: string, passes: readonly Whole[]): readonly string[] => {
  const all = passes.reduce((sum, p) => sum + p.milliseconds, 0)
  const flops = passes.reduce((sum, p) => sum + p.flops, 0)
  const reached = flops / all / 1e6
  return [name, figure(flops / 1e9), figure(all), figure(reached), percent(reached / roof.gflops)]
}
const wholes = profiled.map(part => ({ ...part, passes: together(wholeOf(part)) }))
const { device } = wholes[0]!.profile
const picture = roofline(
  wholes.flatMap(({ passes }) => passes),
  [roof, kernels],
  device,
)
if (process.argv.includes('--write')) writeFileSync(new URL('../docs/pictures/roofline.svg', import.meta.url), picture)
emit({
  title: 'Where the time goes in MG-LLaVA',
  command: 'bench/flagship.ts',
  says: [
    `The roof: ${figure(roof.gflops)} GFLOP/s of multiply-adds in registers, ${figure(roof.gigabytesPerSecond)} GB/s of copying. Plain kernels for comparison (dashed): ${figure(kernels.gflops)} GFLOP/s (${product.kernel}), ${figure(kernels.gigabytesPerSecond)} GB/s (${stream.kernel}). All measured in the same process.`,
    'Blocks that are repeated in the whole model were run once or twice; times says how often they stand in it. Milliseconds are of one, shares and sums of the whole.',
  ],
  tables: [
    {
      caption: 'The parts, whole',
      head: ['part', 'GFLOP', 'ms', 'GFLOP/s', 'of roof'],
      rows: wholes.map(({ name, passes }) => summaryOf(name, passes)),
    },
    ...wholes.map(({ name, passes, profile }) => tableOf(passes, `${name}, ${profile.how}`)),
  ],
  pictures: [picture],
  data: { roof, kernels, profiles: wholes.map(({ name, profile }) => ({ name, profile })) },
})
