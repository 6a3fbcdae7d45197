/** `sluice tune`: measures the kernels of products on this adapter, and keeps which are fastest for every later program. */
import { command, flag } from 'cmd-ts'
import { either as E } from 'fp-ts'
import { chosenSchedules, countOf, inputOf, openDevice, pipe, tune, writeTuned } from '../lib/index.ts'
import type { Door, Product, Tuned, Value } from '../lib/index.ts'
import { linear, matmul } from '../ops/index.ts'
import { note, print, progress, signal } from './terminal.ts'

const numbers = (...shape: readonly number[]): Value => {
  const data = Float32Array.from({ length: countOf(shape) }, (_, i) => Math.sin(i % 8191))
  return { kind: 'float', shape, data }
}
/** A linear layer on so many rows; `named`: how models say their number that learn it at run time. */
const layer = (name: string, rows: number, from: number, to: number, named?: 'tokens'): Product => ({
  name: `${name}, ${rows} x ${from} to ${to}`,
  of: pipe(inputOf('x', [named ?? rows, from]), linear('layer', to)),
  feeds: { x: numbers(rows, from) },
})
const product = (m: number, n: number, k: number): Product => ({
  name: `matmul, ${m} x ${k} by ${k} x ${n}`,
  of: matmul(inputOf('a', [m, k]), inputOf('b', [k, n])),
  feeds: { a: numbers(m, k), b: numbers(k, n) },
})
const few: readonly Product[] = [
  product(512, 512, 512),
  layer('CLIP ViT-L', 577, 1024, 1024),
  layer('a token of a language model', 1, 2048, 2048),
]
/** The usual products of multimodal models: towers of vision, and a language model of 7B. */
const all: readonly Product[] = [
  ...few,
  layer('CLIP ViT-L', 577, 1024, 4096),
  layer('CLIP ViT-L', 577, 4096, 1024),
  layer('ConvNeXt-L', 2304, 768, 3072),
  layer('ConvNeXt-L', 2304, 3072, 768),
  layer('Vicuna-7B', 640, 4096, 4096, 'tokens'),
  layer('Vicuna-7B', 1, 4096, 4096),
  layer('Vicuna-7B', 1, 4096, 11008),
  ...(['f16', 'q8', 'q4'] as const).flatMap(storage =>
    [layer('Vicuna-7B', 1, 4096, 4096), layer('Vicuna-7B', 1, 4096, 11008), layer('Vicuna-7B', 1, 11008, 4096)].map(
      (stored): Product => ({ ...stored, name: `${stored.name} in ${storage}`, storage }),
    ),
  ),
]

const show = ({ product: name, candidates, chosen }: Tuned): string =>
  [
    name,
    ...candidates.map(({ schedule, milliseconds, refused }) => {
      const time = Number.isFinite(milliseconds) ? milliseconds.toFixed(3) : '-'
      const said = refused === undefined ? (schedule === chosen ? '  chosen' : '') : `  refused: ${refused}`
      return `  ${schedule.padEnd(24)}${time.padStart(10)} ms${said}`
    }),
  ].join('\n')

const measureAll =
  (quick: boolean): Door<boolean> =>
  async () => {
    const opened = await openDevice({ tuned: false })()
    if (E.isLeft(opened)) return opened
    const device = opened.right
    const bar = progress('tuning')
    const tuned = await tune(device, quick ? few : all, { signal, onProgress: bar.at })()
    bar.stop()
    const { adapterInfo } = device.gpu
    device.dispose()
    if (E.isLeft(tuned)) return tuned
    if (tuned.right.length === 0) {
      note(`${device.name} has no timestamps: kernels are chosen by estimates`)
      return E.right(true)
    }
    print(`${device.name}\n\n${tuned.right.map(show).join('\n')}`)
    return E.map((file: string) => {
      note(`written to ${file}`)
      return true
    })(await writeTuned(adapterInfo, chosenSchedules(tuned.right))())
  }

export const tuning = command({
  name: 'tune',
  description: 'Measure which kernels are fastest on this adapter, and keep the choice for every later program',
  args: { quick: flag({ long: 'quick', description: 'three products only, in place of what was measured before' }) },
  examples: [
    { description: 'Everything, in some minutes', command: 'sluice tune' },
    { description: 'Ignore what was measured', command: 'SLUICE_TUNED=off sluice ask DIR picture.png "What is it?"' },
  ],
  handler: ({ quick }) => measureAll(quick),
})
