/** `sluice train CONFIG`: trains a checkpoint folder as a JSON file says, stage by stage, and goes on where it was stopped. */
import { command, positional, string } from 'cmd-ts'
import { either as E, taskEither as TE } from 'fp-ts'
import * as t from 'io-ts'
import { files, type Door, type SluiceError } from '../lib/index.ts'
import { readJson } from '../lib/json.ts'
import { textOf } from '../lib/weights/byte-source.ts'
import { learning, load, openDataset, save, type LoadedMgLlava } from '../models/index.ts'
import { filesOf, learnStage, readingOf, seed, stageCodec, words, type Stage } from './stages.ts'
import { note } from './terminal.ts'

const configCodec = t.intersection([
  t.type({ model: t.string, out: t.string, stages: t.readonlyArray(stageCodec) }),
  t.partial({ seed, dtype: words('F32', 'F16', 'BF16') }),
])
type Config = t.TypeOf<typeof configCodec>

const runStage =
  ({ out, seed = 0 }: Config, stage: Stage) =>
  (model: LoadedMgLlava): Door<LoadedMgLlava> =>
  async () => {
    const data = await openDataset(filesOf(stage), readingOf(stage))(model)()
    if (E.isLeft(data)) return data
    const { left, lengths } = data.right
    note(
      `${stage.name}: ${lengths.length} samples${left.length > 0 ? `, ${left.length} left out (${left[0]!.why}, …)` : ''}`,
    )
    const run = { stage, title: stage.name, seed, folder: `${out}/${stage.name}` }
    return learnStage(run, data.right, learning(model.parts))(model)()
  }

const trainAll =
  (file: string): Door<boolean> =>
  async () => {
    const text = await TE.flatMap(textOf)(files.open(file))()
    if (E.isLeft(text)) return text
    const config = readJson(configCodec, text.right, file)
    if (E.isLeft(config)) return config
    let model: E.Either<SluiceError, LoadedMgLlava> = await load(config.right.model)()
    for (const stage of config.right.stages) {
      if (E.isLeft(model)) return model
      model = await runStage(config.right, stage)(model.right)()
    }
    if (E.isLeft(model)) return model
    const { out, dtype } = config.right
    const saved = await save(`${out}/model`, dtype === undefined ? {} : { dtype })(model.right)()
    if (E.isLeft(saved)) return saved
    note(`the trained model is in ${out}/model`)
    return E.right(true)
  }

export const train = command({
  name: 'train',
  description: 'Train a checkpoint folder, stage by stage; run it again to go on after an interruption',
  args: {
    config: positional({ type: string, displayName: 'CONFIG', description: 'a JSON file: model, out, stages' }),
  },
  examples: [{ description: 'Both stages of MG-LLaVA', command: 'sluice train configs/mg-llava.json' }],
  handler: ({ config }) => trainAll(config),
})
