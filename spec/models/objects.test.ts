/** Pooled features of boxes, folded into every map, against torchvision's roi_align on the joined map. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { input, inputOf, pullback, type AnyTensor } from '../../lib/index.ts'
import { pooledFeatures } from '../../models/objects.ts'
import { goldenTensors } from '../golden/tensors.ts'
import { goldenCases } from '../golden/where.ts'
import { expectClose, sample, valuesOf } from './values.ts'

describe('pooled features of boxes', () => {
  const cases = goldenCases('vision/roi')
  it('have goldens', () => expect(cases.length).toBeGreaterThan(0))
  for (const { name, folder } of cases)
    it(name, () => {
      const { output_size: bins, image: size } = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8'))
      const golden = goldenTensors(join(folder, 'outputs.safetensors'))
      const given = goldenTensors(join(folder, 'inputs.safetensors'))
      const stages = [...given.keys()].filter(key => key.startsWith('stage_'))
      const maps = stages.map(stage => inputOf(stage, given.get(stage)!.shape.slice(1)))
      const pooled = pooledFeatures({ bins, size })(maps, input('boxes', ['boxes', 4]))
      const boxes = {
        kind: 'float',
        shape: given.get('boxes')!.shape,
        data: given.get('boxes')!.data as Float32Array,
      } as const
      const feeds = { boxes, ...Object.fromEntries(stages.map(stage => [stage, sample(given, stage, 0)])) }
      expectClose(golden, 'pooled', valuesOf({ pooled }, feeds, new Map()).pooled)
      const cotangent = given.get('cotangent')
      if (cotangent === undefined) return
      const gradients = goldenTensors(join(folder, 'gradients.safetensors'))
      const found = pullback([pooled], [inputOf('cotangent', pooled.shape)], maps)
      const outputs: Record<string, AnyTensor> = { pooled }
      stages.forEach((stage, k) => (outputs[stage] = found[k]!))
      const arriving = { kind: 'float', shape: cotangent.shape, data: cotangent.data as Float32Array } as const
      const values = valuesOf(outputs, { ...feeds, cotangent: arriving }, new Map())
      for (const stage of stages) expectClose(gradients, stage, values[stage]!)
    })
})
