/** ConvNeXt against timm's inside open_clip, from the files as they are published; sizes are read off the tensors. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inputOf } from '../../lib/index.ts'
import { nodeFolder } from '../../lib/node/files.ts'
import { openWeights } from '../../lib/weights/open-weights.ts'
import { convNext } from '../../models/convnext.ts'
import { convNextSizes } from '../../models/load/convnext-files.ts'
import { goldenTensors } from '../golden/tensors.ts'
import { goldenCases } from '../golden/where.ts'
import { expectClose, right, sample, valuesOf, weightsIn } from './values.ts'

describe('convnext', () => {
  const cases = goldenCases('vision/convnext')
  it('has goldens', () => expect(cases.length).toBeGreaterThan(0))
  for (const { name, folder } of cases)
    it(name, async () => {
      const { depths, dims } = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8'))
      const sizes = right(convNextSizes(right(await openWeights(nodeFolder(folder))())))
      expect(sizes).toEqual({ depths, widths: dims })
      const golden = goldenTensors(join(folder, 'outputs.safetensors'))
      const inputs = goldenTensors(join(folder, 'inputs.safetensors'))
      const weights = await weightsIn(folder)
      const batch = inputs.get('pixel_values_aux')!.shape[0]!
      for (let i = 0; i < batch; i++) {
        const image = sample(inputs, 'pixel_values_aux', i)
        const maps = convNext(sizes)(inputOf('image', image.shape as unknown as [3, number, number]))
        const [stage_0, stage_1, stage_2, stage_3] = maps
        const values = valuesOf({ stage_0, stage_1, stage_2, stage_3 }, { image }, weights)
        for (const [stage, value] of Object.entries(values)) expectClose(golden, stage, value, i)
      }
    })
})
