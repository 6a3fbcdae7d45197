/** CLIP's vision tower against transformers', from the files as they are published. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inputOf, tap } from '../../lib/index.ts'
import { clip, resizedPositions } from '../../models/clip.ts'
import { clipConfigOf, readClip } from '../../models/load/clip-files.ts'
import { goldenTensors } from '../golden/tensors.ts'
import { goldenCases } from '../golden/where.ts'
import { expectClose, right, sample, valuesOf, weightsIn } from './values.ts'

describe('clip', () => {
  const cases = goldenCases('vision/clip')
  it('has goldens', () => expect(cases.length).toBeGreaterThan(0))
  for (const { name, folder } of cases)
    it(name, async () => {
      const { select_layer: select, interpolate_pos_encoding: resized } = JSON.parse(
        readFileSync(join(folder, 'case.json'), 'utf8'),
      )
      const file = right(readClip(readFileSync(join(folder, 'config.json'), 'utf8'), 'config.json'))
      const positions = resized ? { positions: resizedPositions(file.image_size / file.patch_size) } : {}
      const golden = goldenTensors(join(folder, 'outputs.safetensors'))
      const inputs = goldenTensors(join(folder, 'inputs.safetensors'))
      const weights = await weightsIn(folder)
      const batch = inputs.get('pixel_values')!.shape[0]!
      for (let i = 0; i < batch; i++) {
        const image = sample(inputs, 'pixel_values', i)
        const pixels = inputOf('image', image.shape as unknown as [3, number, number])
        const all = clip({ ...clipConfigOf(file, -1), ...positions })(pixels)
        const layers = Array.from({ length: file.num_hidden_layers }, (_, k) =>
          tap(all, `vision_model.encoder.layers.${k}`),
        )
        const states = [tap(all, 'vision_model.pre_layrnorm'), ...layers]
        const selected = clip({ ...clipConfigOf(file, select), ...positions })(pixels)
        const named = Object.fromEntries(states.map((state, k) => [`hidden_states.${k}`, state]))
        const values = valuesOf({ ...named, E_L: selected }, { image }, weights)
        for (const [state, value] of Object.entries(values)) expectClose(golden, state, value, i)
      }
    })
})
