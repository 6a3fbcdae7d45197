/** Training goldens: every folder with a case.json is a case, and its kind says what is checked. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { judged, skipped, type GoldenCase, type Verdict } from '../judge.ts'
import type { Machine } from '../machine.ts'
import { jsonOf } from './stages.ts'
import { checkBlock } from './training/blocks.ts'
import { checkLanguageModel, checkLora } from './training/lm.ts'
import { checkBatches, checkPrompts } from './training/prompts.ts'
import { checkSampler } from './training/sampler.ts'
import { checkAccumulation, checkClip, checkLearningRate, checkOptimizer } from './training/schedule.ts'
import { checkTwoStages, checkVariant } from './training/two-stage.ts'

export const casesIn = (folder: string, name: string): readonly GoldenCase[] =>
  existsSync(join(folder, 'case.json')) ? [{ area: 'training', name, group: name, folder, within: [] }] : []

const kinds: Readonly<
  Record<string, (folder: string, machine: Machine) => Promise<string | undefined> | string | undefined>
> = {
  'learning-rate': checkLearningRate,
  clip: checkClip,
  optimizer: checkOptimizer,
  accumulation: checkAccumulation,
  'lm-training': checkLanguageModel,
  lora: checkLora,
  sampler: checkSampler,
  prompt: checkPrompts,
  batch: checkBatches,
  'block-gradients': checkBlock,
  'two-stage': checkTwoStages,
  'two-stage-gradients': checkVariant,
}
export const check = (cases: readonly GoldenCase[], machine: Machine): Promise<readonly Verdict[]> =>
  Promise.all(
    cases.map(({ folder }) => {
      const { kind } = jsonOf<{ readonly kind: string }>(folder, 'case.json')
      const one = kinds[kind]
      if (one === undefined) return Promise.resolve(skipped(`cases of the kind '${kind}' are not checked yet`))
      return judged(async () => one(folder, machine))
    }),
  )
