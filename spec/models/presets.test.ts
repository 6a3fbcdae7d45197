/** The models of the paper: their sizes as tsc knows them, and as many parameters as published ones have. */
import { describe, expect, it } from 'vitest'
import { parameters, tap, type AnyTensor, type Tensor } from '../../lib/index.ts'
import {
  channelConcat,
  convGate,
  gatedConcat,
  llavaVicuna7b,
  mgLlava,
  mgLlavaLlama3,
  mgLlavaPhi3,
  mgLlavaVicuna13b,
  mgLlavaVicuna7b,
  mgLlavaYi34b,
  noBoxes,
} from '../../models/index.ts'

const countOf = (model: AnyTensor, within = '') =>
  parameters(model)
    .filter(({ name }) => name.startsWith(within))
    .reduce((total, { shape }) => total + shape.reduce<number>((n, d) => n * Number(d), 1), 0)

describe('presets', () => {
  const phi3: Tensor<['576 + after + before + boxes', 32064]> = mgLlava(mgLlavaPhi3)
  const vicuna7b: Tensor<['576 + after + before + boxes', 32000]> = mgLlava(mgLlavaVicuna7b)
  const llama3: Tensor<['576 + after + before + boxes', 128256]> = mgLlava(mgLlavaLlama3)
  const vicuna13b: Tensor<['576 + after + before + boxes', 32000]> = mgLlava(mgLlavaVicuna13b)
  const yi34b: Tensor<['576 + after + before + boxes', 64000]> = mgLlava(mgLlavaYi34b)
  const llava: Tensor<['576 + after + before', 32000]> = mgLlava(llavaVicuna7b)
  const fusionOnly: Tensor<['576 + after + before', 32000]> = mgLlava({ ...mgLlavaVicuna7b, boxes: noBoxes })

  it('have the shapes that tsc says', () => {
    for (const model of [phi3, vicuna7b, llama3, vicuna13b, yi34b])
      expect(model.shape[0]).toBe('576 + after + before + boxes')
    expect(llava.shape).toEqual(['576 + after + before', 32000])
    expect(fusionOnly.shape).toEqual(llava.shape)
  })

  // of the published tower: the last layer and the norm after it, which no selected hidden state needs
  const unusedClip = 303_507_456 - 290_909_184
  const convNext = 196_227_264
  for (const [name, model, llm, trained] of [
    ['Phi-3', phi3, 3_821_079_552, 36_964_865],
    ['Vicuna 7B', vicuna7b, 6_738_415_616, 55_646_721],
    ['LLaMA-3 8B', llama3, 8_030_261_248, 55_646_721],
    ['Vicuna 13B', vicuna13b, 13_015_864_320, 78_522_881],
    ['Yi 34B', yi34b, 34_388_917_248, 136_858_113],
  ] as const)
    it(`${name} has as many parameters as published`, () => {
      expect(countOf(model, 'llm.')).toBe(llm)
      expect(countOf(model, 'visual.trunk.')).toBe(convNext)
      expect(countOf(model, 'vision_model.')).toBe(303_507_456 - unusedClip)
      expect(countOf(model)).toBe(llm + convNext + 303_507_456 - unusedClip + trained)
    })

  it('fusions have the widths that the projector then reads', () => {
    const width = (fused: AnyTensor) => fused.shape.at(-1)
    for (const [fuse, wanted] of [
      [convGate, 1024],
      [gatedConcat, 2048],
      [channelConcat, 2560],
    ] as const) {
      const model = mgLlava({ ...mgLlavaVicuna7b, fusion: fuse })
      expect(width(tap(model, 'E_F'))).toBe(wanted)
      expect(tap(model, 'projector.model.0.weight').shape).toEqual([4096, wanted])
    }
  })

  it('refuses towers whose grids differ, naming both', () => {
    expect(() => mgLlava({ ...mgLlavaVicuna7b, imageSize: 384 })).toThrow(/576.*144|144.*576/)
  })

  it('takes inputs of any size that a configuration says', () => {
    const side: number = JSON.parse('336')
    const model = mgLlava({ ...mgLlavaVicuna7b, lowSize: side })
    expect(model.shape).toEqual(vicuna7b.shape)
  })
})
