/**
 * The vision half of MG-LLaVA at its real size: both towers, Conv-Gate, box features, projectors, on a picture and weights by formula.
 * Every hidden state of CLIP, every map of ConvNeXt and everything after them is held to its own limit: 20 times what float32 does to
 * the reference.
 */
import { createHash } from 'node:crypto'
import { tap, value, type AnyTensor, type Feeds, type Value } from '../../../lib/index.ts'
import type { WeightSource } from '../../../lib/device/upload.ts'
import { clip } from '../../../models/clip.ts'
import { concatBoxes } from '../../../models/box-merging.ts'
import { convGate } from '../../../models/fusion.ts'
import { look, shown, type MgLlavaParts } from '../../../models/mg-llava.ts'
import { bilinear, clipMean, clipStd, normalise } from '../../../models/pictures/index.ts'
import { phi3Mini } from '../../../models/presets.ts'
import { exactly, firstDivergence, Unsupported, type Limits, type Numbers, type Stage } from '../judge.ts'
import type { Machine } from '../machine.ts'
import { pictureByFormula, tensorByFormula, type Listed } from './formula.ts'
import { jsonOf, stageOf, tensorsOf, type Outputs } from './stages.ts'

interface FullCase {
  readonly salt: string
  readonly clip: {
    readonly hidden_size: number
    readonly intermediate_size: number
    readonly num_hidden_layers: number
    readonly num_attention_heads: number
    readonly patch_size: number
    readonly image_size: number
  }
  readonly convnext: { readonly depths: Four; readonly dims: Four }
  readonly llm: number
  readonly boxes: readonly (readonly number[])[]
  readonly tensors: Readonly<
    Record<
      string,
      {
        readonly shape: readonly number[]
        readonly sha256?: string
        readonly float32_difference?: { readonly max: number }
      }
    >
  >
}
type Four = readonly [number, number, number, number]

const partsOf = ({ clip: c, convnext, llm, tensors }: FullCase): MgLlavaParts => ({
  lowSize: c.image_size,
  clip: {
    width: c.hidden_size,
    heads: c.num_attention_heads,
    headWidth: c.hidden_size / c.num_attention_heads,
    mlpWidth: c.intermediate_size,
    layers: c.num_hidden_layers,
    select: -2,
    patch: c.patch_size,
    eps: 1e-5,
  },
  imageSize: tensors.pixel_values_aux!.shape.at(-1)!,
  convNext: { depths: convnext.depths, widths: convnext.dims },
  fusion: convGate,
  boxes: concatBoxes,
  // of the language model only its width is used
  llm: { ...phi3Mini, width: llm },
})

/** A case, ready to be run on any device and judged. */
export interface FullVision {
  /** what the flow is for: the picture's tokens and those of the objects */
  readonly results: Outputs
  /** these, and everything on the way that the case has */
  readonly stages: Outputs
  readonly feeds: Feeds
  /** the named sizes of the feeds */
  readonly sizes: { readonly boxes: number }
  readonly weights: WeightSource
  /** what diverges first, if anything */
  readonly judge: (got: Readonly<Record<string, Value>>) => string | undefined
}

export const fullVision = (folder: string): FullVision => {
  const golden = jsonOf<FullCase>(folder, 'case.json')
  const wanted = tensorsOf(folder, 'outputs.safetensors')
  const parts = partsOf(golden)
  const sources = shown(parts)
  const { picture: tokens, objects } = look(parts)(sources)
  const results: Outputs = { tokens, box_tokens: objects! }
  const found = (name: string): AnyTensor => tap(results, name)
  // the last layer is not part of the flow, but of the case
  const whole = clip({ ...parts.clip, select: -1 })(sources.image as never)
  const state = (k: number): AnyTensor =>
    tap(whole, k === 0 ? 'vision_model.pre_layrnorm' : `vision_model.encoder.layers.${k - 1}`)
  const stages: Outputs = {
    ...Object.fromEntries(Array.from({ length: parts.clip.layers + 1 }, (_, k) => [`hidden_states.${k}`, state(k)])),
    E_L: found('E_L'),
    stem: found('visual.trunk.stem'),
    ...Object.fromEntries(golden.convnext.dims.map((_, i) => [`stage_${i}`, found(`visual.trunk.stages.${i}`)])),
    pooled: found('R'),
    gate_before_tanh: found('fuse_module.gate.2'),
    E_F: found('E_F'),
    ...results,
  }

  const size = golden.tensors.pixel_values_aux!.shape.at(-1)!
  const small = parts.lowSize
  const picture = pictureByFormula(golden.salt, size)
  const aux = normalise(clipMean, clipStd)(picture)
  const low = bilinear(aux, [size, size], [small, small])
  const [image, detail] = [value([3, small, small], low), value([3, size, size], aux)]
  const boxes = value([golden.boxes.length, 4], golden.boxes.flat())
  const listed = jsonOf<readonly Listed[]>(folder, 'weights.json')
  const weights = new Map(listed.map(one => [one.name, tensorByFormula(golden.salt, one)]))

  const limitsOf = (name: string): Limits => ({ atol: 20 * golden.tensors[name]!.float32_difference!.max, rtol: 0 })
  const stage = (name: string, got: Numbers, limits: Limits): Stage => stageOf(name, wanted, name, got, limits)
  const judge: FullVision['judge'] = got => {
    const planes = planesOf(picture.data)
    if (createHash('sha256').update(planes).digest('hex') !== golden.tensors.picture!.sha256)
      return 'picture: not that of the case'
    return firstDivergence([
      stage('picture', { shape: [3, size, size], data: planes }, exactly),
      stage('pixel_values_aux', detail, { atol: 3e-7, rtol: 0 }),
      stage('pixel_values', image, { atol: 2e-6, rtol: 0 }),
      ...Object.keys(stages).map(name => stage(name, got[name]!, limitsOf(name))),
    ])
  }
  return { results, stages, feeds: { image, detail, boxes }, sizes: { boxes: golden.boxes.length }, weights, judge }
}

/** Channels last to channels first. */
const planesOf = (data: Uint8Array): Uint8Array => {
  const area = data.length / 3
  return Uint8Array.from(data, (_, i) => data[(i % area) * 3 + Math.floor(i / area)]!)
}

export const fullCase = async (folder: string, machine: Machine): Promise<string | undefined> => {
  if (machine.name === 'cpu') throw new Unsupported('1.2 TFLOP take hours on the float64 references')
  const { stages, feeds, weights, judge } = fullVision(folder)
  return judge(await machine.run(stages, feeds, weights))
}
