/** Commands that show a checkpoint without running it: `describe`, `graph`, `wgsl`. */
import { command, optional, option, string } from 'cmd-ts'
import { function as F, taskEither as TE } from 'fp-ts'
import {
  describe as describeModel,
  graph as drawModel,
  listing,
  lower,
  sharedDevice,
  type Door,
  type Lowered,
} from '../lib/index.ts'
import { writeAtomically } from '../lib/node/files.ts'
import { describeLoaded, load, mgLlava } from '../models/index.ts'
import { depth, folder, given } from './model.ts'
import { note, print } from './terminal.ts'

const printed = (text: string): boolean => {
  print(text)
  return true
}
const written = (file: string, text: string): Door<boolean> =>
  F.pipe(
    writeAtomically(file, [TE.right(new TextEncoder().encode(text))]),
    TE.map(() => {
      note(`written to ${file}`)
      return true
    }),
  )

/** Prints the kernels; says what there is where none matches. */
const listed = (lowered: Lowered, match: string | undefined): boolean => {
  const text = listing(lowered, given('match', match))
  if (text !== '') return printed(text)
  const outer = lowered.passes.map(({ path }) => path.split('.').slice(0, 2).join('.'))
  const blocks = [...new Set(outer.filter(block => block !== ''))]
  note(`no kernel matches '${match}'; kernels belong to\n${blocks.map(block => `  ${block}`).join('\n')}`)
  return false
}

export const describe = command({
  name: 'describe',
  description: 'The model in a folder: its blocks, shapes, parameters, FLOP, and where its weights come from',
  args: { folder, depth },
  examples: [
    { description: 'As deep as fits on a page', command: 'sluice describe checkpoints/mg-llava-vicuna-7b' },
    { description: 'Only the parts', command: 'sluice describe checkpoints/mg-llava-vicuna-7b --depth 1' },
  ],
  handler: args =>
    TE.map((loaded: Parameters<typeof describeLoaded>[0]) =>
      printed(`${describeModel(mgLlava(loaded.parts), given('depth', args.depth))}\n\n${describeLoaded(loaded)}`),
    )(load(args.folder)),
})

export const graph = command({
  name: 'graph',
  description: 'The model in a folder as a drawing (SVG), shapes on its arrows',
  args: {
    folder,
    depth,
    out: option({ long: 'out', short: 'o', type: optional(string), description: 'a file, instead of standard output' }),
  },
  examples: [
    { description: 'The parts', command: 'sluice graph checkpoints/mg-llava-vicuna-7b -o model.svg' },
    { description: 'And their insides', command: 'sluice graph checkpoints/mg-llava-vicuna-7b --depth 2 -o model.svg' },
  ],
  handler: ({ folder, depth, out }) =>
    F.pipe(
      load(folder),
      TE.flatMap(({ parts }) => drawModel(mgLlava(parts), given('depth', depth))),
      TE.flatMap(svg => (out === undefined ? TE.right(printed(svg)) : written(out, svg))),
    ),
})

export const wgsl = command({
  name: 'wgsl',
  description: 'The kernels that the model in a folder becomes on this machine, each once',
  args: {
    folder,
    match: option({
      long: 'match',
      type: optional(string),
      description: 'only kernels whose ops or block contain this',
    }),
  },
  examples: [
    { description: 'All kernels', command: 'sluice wgsl checkpoints/mg-llava-vicuna-7b' },
    { description: 'Those of the fusion', command: 'sluice wgsl checkpoints/mg-llava-vicuna-7b --match fuse_module' },
  ],
  handler: ({ folder, match }) =>
    F.pipe(
      TE.Do,
      TE.bind('loaded', () => load(folder)),
      TE.bind('device', () => sharedDevice),
      TE.map(({ loaded, device }) => lower(mgLlava(loaded.parts), { profile: device.profile })),
      TE.map(lowered => listed(lowered, match)),
    ),
})
