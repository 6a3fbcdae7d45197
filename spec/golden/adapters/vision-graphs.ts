/**
 * Vision goldens of towers, fusions and box features: the parts of models/, on the weights and inputs of a case. Limits are
 * those of the README: 20 times what float32 does to the reference, and for gradients a share of the largest one.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  inputOf,
  constant,
  loosely,
  named,
  scope,
  tap,
  type AnyTensor,
  type Loose,
  type Tensor,
} from '../../../lib/index.ts'
import { openTensorFile } from '../../../lib/weights/open-weights.ts'
import { nodeFolder } from '../../../lib/node/files.ts'
import { boxesAskMap, concatBoxes, mapAsksBoxes, type BoxMerging } from '../../../models/box-merging.ts'
import { boxPositions, positionEncoding } from '../../../models/box-positions.ts'
import { clip, resizedPositions } from '../../../models/clip.ts'
import { convNext } from '../../../models/convnext.ts'
import {
  bothViews,
  channelConcat,
  convGate,
  fastMlp,
  gatedConcat,
  lowOnly,
  patchInfoMining,
  plainConcat,
  pyramid,
} from '../../../models/fusion.ts'
import { clipConfigOf, readClip } from '../../../models/load/clip-files.ts'
import { convNextSizes } from '../../../models/load/convnext-files.ts'
import { pooledFeatures } from '../../../models/objects.ts'
import { mlp2, resampler, type Projector } from '../../../models/projector.ts'
import { rearrange, slice, stack } from '../../../ops/index.ts'
import { firstDivergence, Unsupported, type Limits, type Stage } from '../judge.ts'
import type { Machine } from '../machine.ts'
import {
  allWeights,
  gradients,
  inputFor,
  jsonOf,
  largest,
  namesOf,
  opened,
  right,
  stageOf,
  tensorsOf,
  valueOf,
  weightsFor,
  type Outputs,
  type Tensors,
  type Weights,
} from './stages.ts'

interface Common {
  readonly kind: string
  readonly float32_difference: number
}
const limitsOf = ({ float32_difference }: Common): Limits => ({ atol: 20 * float32_difference + 1e-6, rtol: 0 })

/** Runs a graph on the inputs of a case, and compares every output that it expects. */
const compared = async (
  machine: Machine,
  golden: Common,
  inputs: Tensors,
  outputs: Outputs,
  wanted: Tensors,
  weights?: Weights,
): Promise<string | undefined> => {
  const feeds = Object.fromEntries([...inputs].map(([name, x]) => [name, valueOf(x)]))
  const got = await machine.run(outputs, feeds, weights)
  const stages = namesOf(wanted).map((name): Stage => {
    const value = got[name]
    if (value === undefined) throw new Error(`no output '${name}'`)
    return stageOf(name, wanted, name, value, limitsOf(golden))
  })
  return firstDivergence(inOrder(stages, outputs))
}
/** In the order in which the graph gives them, which is that of the computation. */
const inOrder = (stages: readonly Stage[], outputs: Outputs): readonly Stage[] => {
  const order = Object.keys(outputs)
  return [...stages].sort((a, b) => order.indexOf(a.stage) - order.indexOf(b.stage))
}

// ---- towers --------------------------------------------------------------------------------------------------------
interface ClipCase extends Common {
  readonly weights: string
  readonly select_layer: number
  readonly interpolate_pos_encoding: boolean
}
export const clipCase = async (folder: string, machine: Machine): Promise<string | undefined> => {
  const golden = jsonOf<ClipCase>(folder, 'case.json')
  const config = right(readClip(readFileSync(join(folder, 'config.json'), 'utf8'), 'config.json'))
  const file = await opened(openTensorFile(nodeFolder(folder), golden.weights))
  const inputs = tensorsOf(folder, 'inputs.safetensors')
  const wanted = tensorsOf(folder, 'outputs.safetensors')
  const image = inputFor('pixel_values', inputs.get('pixel_values')!)
  const side = Math.floor(config.image_size / config.patch_size)
  const positions = golden.interpolate_pos_encoding ? { positions: resizedPositions(side) } : {}
  const upTo = (select: number): AnyTensor => clip({ ...clipConfigOf(config, select), ...positions })(image)
  const whole = upTo(-1)
  const state = (k: number): AnyTensor =>
    tap(whole, k === 0 ? 'vision_model.pre_layrnorm' : `vision_model.encoder.layers.${k - 1}`)
  const outputs = Object.fromEntries([
    ...Array.from({ length: config.num_hidden_layers + 1 }, (_, k) => [`hidden_states.${k}`, state(k)] as const),
    ['E_L', upTo(golden.select_layer)] as const,
  ])
  return compared(machine, golden, inputs, outputs, wanted, await weightsFor(file, outputs))
}

export const convNextCase = async (folder: string, machine: Machine): Promise<string | undefined> => {
  const golden = jsonOf<Common & { readonly weights: string }>(folder, 'case.json')
  const file = await opened(openTensorFile(nodeFolder(folder), golden.weights))
  const inputs = tensorsOf(folder, 'inputs.safetensors')
  const wanted = tensorsOf(folder, 'outputs.safetensors')
  const maps = convNext(right(convNextSizes(file)))(inputFor('pixel_values_aux', inputs.get('pixel_values_aux')!))
  const outputs = {
    stem: tap(maps[0], 'visual.trunk.stem'),
    ...Object.fromEntries(maps.map((map, i) => [`stage_${i}`, map as AnyTensor])),
    E_H: maps[3],
    ...(wanted.has('F_box') || wanted.has('F_box.index') ? { F_box: pyramid(maps) } : {}),
  }
  return compared(machine, golden, inputs, outputs, wanted, await weightsFor(file, outputs))
}

// ---- fusions and boxes ---------------------------------------------------------------------------------------------
interface FusionCase extends Common {
  readonly fusion: string
  readonly boxes: string
  readonly llm: number
  readonly grid: number
  readonly counts: readonly number[]
  readonly heads?: number
  readonly query_grid?: number
}
type Fusion = (views: { readonly low: Loose; readonly high: Loose; readonly maps: readonly AnyTensor[] }) => AnyTensor
const fusions: Readonly<Record<string, unknown>> = {
  none: lowOnly,
  'conv-gate': convGate,
  'gated-concat': gatedConcat,
  concat: plainConcat,
  'channel-concat': channelConcat,
  'fast-mlp': fastMlp,
  mining: patchInfoMining,
  'mining-last-stage': patchInfoMining,
  resampler: bothViews,
}
const merges: Readonly<Record<string, BoxMerging>> = {
  concat: concatBoxes,
  'f-to-b': mapAsksBoxes,
  'b-to-f-clip': boxesAskMap('low'),
  'b-to-f-fused': boxesAskMap('fused'),
}
/** One picture of a batch: models are functions of one. */
const pick = (x: Loose, i: number): Loose =>
  loosely(rearrange)('1 ...s -> ...s')(slice({ axis: 0, start: i, stop: i + 1 })(x))

export const fusionCase = async (folder: string, machine: Machine): Promise<string | undefined> => {
  const golden = jsonOf<FusionCase>(folder, 'case.json')
  const inputs = tensorsOf(folder, 'inputs.safetensors')
  const wanted = tensorsOf(folder, 'outputs.safetensors')
  const wantedGradients = tensorsOf(folder, 'gradients.safetensors')
  const sources = Object.fromEntries([...inputs].map(([name, x]) => [name, inputFor(name, x)]))
  const outputs = composed(golden, sources)
  const cotangents = Object.keys(sources).filter(name => name.startsWith('cotangent.'))
  const made = gradients(
    cotangents.map(name => outputs[name.slice('cotangent.'.length)]!),
    cotangents.map(name => sources[name]!),
    [...wantedGradients.keys()],
  )
  const weights = allWeights(tensorsOf(folder, 'weights.safetensors'), outputs)
  const feeds = Object.fromEntries([...inputs].map(([name, x]) => [name, valueOf(x)]))
  const graph = { ...outputs, ...prefixed('gradient of ', made) }
  const got = await machine.run(graph, feeds, weights)
  const share = { atol: 1e-5 * largest(wantedGradients), rtol: 0 }
  return firstDivergence([
    ...inOrder(
      [...wanted.keys()].map(name => stageOf(name, wanted, name, got[name]!, limitsOf(golden))),
      outputs,
    ),
    ...[...wantedGradients.keys()].map(name => {
      const stage = `gradient of ${name}`
      return stageOf(stage, wantedGradients, name, got[stage]!, share)
    }),
  ])
}
const prefixed = (prefix: string, outputs: Outputs): Outputs =>
  Object.fromEntries(Object.entries(outputs).map(([name, x]) => [`${prefix}${name}`, x]))

/** The outputs of a composition, picture by picture. */
const composed = (golden: FusionCase, x: Readonly<Record<string, Loose>>): Outputs => {
  const { fusion, boxes, llm, grid, counts, heads = 1, query_grid: side = grid } = golden
  const fuse = fusions[fusion] as Fusion | undefined
  const merge = boxes === 'none' ? undefined : merges[boxes]
  if (fuse === undefined) throw new Unsupported(`there is no fusion '${fusion}'`)
  if (boxes !== 'none' && merge === undefined) throw new Unsupported(`there is no use of boxes '${boxes}'`)
  const projector: Projector = fusion === 'resampler' ? resampler({ heads, side, grid }) : mlp2
  const project = (map: AnyTensor): Loose => scope('projector', projector(llm))(map as Loose)
  // no published use of boxes reads where they lie
  const unplaced = inputOf('places', ['boxes', 4])
  const pictures = counts.map((_, i) => {
    const low = pick(x.E_L!, i)
    const high = x.E_H === undefined ? (constant(0, [1, grid, grid]) as Loose) : pick(x.E_H, i)
    const maps = x.F_box === undefined ? [high] : [pick(x.F_box, i)]
    const fused = fuse({ low, high, maps })
    const features = x[`R.${i}`]
    const merged = merge === undefined ? { map: fused } : merge({ low, fused, features: features!, places: unplaced })
    return { fused, ...merged, tokens: project(merged.map) }
  })
  const joined = (list: readonly AnyTensor[]): AnyTensor => loosely(stack)(0)(...list)
  const objects = pictures.flatMap(({ objects: of }, i) => (of === undefined ? [] : [{ of: of as Loose, i }]))
  return {
    ...(fusion === 'none' ? {} : { fused: joined(pictures.map(({ fused }) => fused)) }),
    ...(boxes === 'f-to-b' ? { fused_with_boxes: joined(pictures.map(({ map }) => map)) } : {}),
    ...(boxes.startsWith('b-to-f') ? Object.fromEntries(objects.map(({ of, i }) => [`boxes_with_map.${i}`, of])) : {}),
    tokens: joined(pictures.map(({ tokens }) => tokens)),
    ...Object.fromEntries(objects.map(({ of, i }) => [`box_tokens.${i}`, scope('bbox_projector', mlp2(llm))(of)])),
  }
}

interface RoiCase extends Common {
  readonly output_size: number
  readonly spatial_scale: number
  readonly sampling_ratio: number
  readonly aligned: boolean
  readonly image: readonly [number, number]
}
export const roiCase = async (folder: string, machine: Machine): Promise<string | undefined> => {
  const golden = jsonOf<RoiCase>(folder, 'case.json')
  const inputs = tensorsOf(folder, 'inputs.safetensors')
  const wanted = tensorsOf(folder, 'outputs.safetensors')
  const { sampling_ratio, aligned, image, output_size, spatial_scale } = golden
  if (sampling_ratio !== -1 || aligned) throw new Unsupported('box features sample as MG-LLaVA does')
  const sources = Object.fromEntries([...inputs].map(([name, x]) => [name, inputFor(name, x)]))
  const stages = Object.keys(sources)
    .filter(name => name.startsWith('stage_'))
    .sort()
  const [height] = sources[stages[0]!]!.shape.slice(-2) as readonly number[]
  if (height !== image[1] * spatial_scale) throw new Unsupported('box features take the scale from the sizes')
  const maps = stages.map(name => loosely(rearrange)('1 c h w -> c h w')(sources[name]!))
  const pooled = pooledFeatures({ bins: output_size, size: image })(maps, sources.boxes as Tensor<[number, 4]>)
  const outputs: Outputs = { pooled: named('pooled')(pooled) }
  if (sources.cotangent === undefined) return compared(machine, golden, inputs, outputs, wanted)
  const wantedGradients = tensorsOf(folder, 'gradients.safetensors')
  const made = gradients([pooled], [sources.cotangent], [...wantedGradients.keys()])
  const feeds = Object.fromEntries([...inputs].map(([name, x]) => [name, valueOf(x)]))
  const got = await machine.run({ ...outputs, ...prefixed('gradient of ', made) }, feeds)
  const share = { atol: 1e-5 * largest(wantedGradients), rtol: 0 }
  return firstDivergence([
    stageOf('pooled', wanted, 'pooled', got.pooled!, limitsOf(golden)),
    ...[...wantedGradients.keys()].map(name => {
      const stage = `gradient of ${name}`
      return stageOf(stage, wantedGradients, name, got[stage]!, share)
    }),
  ])
}

interface PositionCase {
  readonly kind: string
  readonly image: readonly [number, number]
  readonly features: number
  readonly temperature: number
}
/** The original makes its divisors in float32, hence a limit of its own. */
export const positionCase = async (folder: string, machine: Machine): Promise<string | undefined> => {
  const { image, features, temperature } = jsonOf<PositionCase>(folder, 'case.json')
  const inputs = tensorsOf(folder, 'inputs.safetensors')
  const wanted = tensorsOf(folder, 'outputs.safetensors')
  const boxes = inputs.get('boxes')!
  const position = boxPositions(...image)(inputFor('boxes', boxes) as Tensor<[number, 4]>)
  const outputs = { position, encoding: positionEncoding({ features, temperature })(position) }
  const got = await machine.run(outputs, { boxes: valueOf(boxes) })
  const limits = { atol: 1e-5, rtol: 0 }
  return firstDivergence([
    stageOf('position', wanted, 'position', got.position!, limits),
    stageOf('encoding', wanted, 'encoding', got.encoding!, limits),
  ])
}
