/** Gradients of single blocks: of their inputs and of their weights, from given cotangents. */
import {
  flow,
  indexInput,
  inputOf,
  loosely,
  nodeOf,
  parameters,
  pullback,
  topological,
  type AnyTensor,
  type Loose,
  type Tensor,
} from '../../../../lib/index.ts'
import { clipLayer } from '../../../../models/clip.ts'
import { convNextBlock } from '../../../../models/convnext.ts'
import { align, gateHigh, sum } from '../../../../models/fusion.ts'
import { llamaLayer } from '../../../../models/llama.ts'
import { llamaConfigOf, readLlm } from '../../../../models/load/llm-files.ts'
import { nextTokenLoss } from '../../../../models/losses.ts'
import { owlBoxHead, owlClassHead, owlObjectnessHead } from '../../../../models/owl-heads.ts'
import { multiHead } from '../../../../models/projector.ts'
import { tiles } from '../../../../models/tiles.ts'
import { broadcastTo, gelu, reshape } from '../../../../ops/index.ts'
import { layerNorm, linear, rmsNorm } from '../../../../ops/layers/index.ts'
import type { Machine } from '../../machine.ts'
import { jsonOf, right, tensorsOf, valueOf } from '../stages.ts'
import { under } from '../../judge.ts'
import { wrongGradients, wrongTensor } from './differences.ts'

type Inputs = Readonly<Record<string, Loose>>
/** Fields of a case.json; each block has its own. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Attributes = Readonly<Record<string, any>>
type Block = (inputs: Inputs, attributes: Attributes) => Readonly<Record<string, AnyTensor>>

const decoderLayer: Block = ({ x, position_ids }, { config }) => {
  const family = 'original_max_position_embeddings' in config ? 'phi3' : 'llama'
  const { rope_parameters, ...rest } = config
  const text = JSON.stringify({ ...rest, rope_theta: rope_parameters.rope_theta, model_type: family })
  const c = llamaConfigOf(right(readLlm(text, 'case.json')))
  const positions = loosely(broadcastTo)(x!.shape.slice(0, 2))(position_ids!)
  return { y: llamaLayer(c)(x as Tensor<[number, number, number]>, positions as never) }
}
const blocks: Readonly<Record<string, Block>> = {
  'clip-layer': ({ x }, { config: c }) => {
    const sizes = { width: c.hidden_size, heads: c.num_attention_heads, mlpWidth: c.intermediate_size }
    const rest = { layers: 1, select: -1, patch: 1, eps: c.layer_norm_eps, activation: c.hidden_act }
    return { y: loosely(clipLayer)({ ...sizes, headWidth: sizes.width / sizes.heads, ...rest })(x!) }
  },
  'convnext-block': ({ x }) => ({ y: loosely(convNextBlock)(x!.shape.at(-3))(x!) }),
  'convnext-downsample': ({ x }, { out }) => ({
    y: flow(layerNorm('0', { eps: 1e-6, axis: -3 }), loosely(tiles)('1', { out, kernel: 2 }))(x!),
  }),
  'llama-layer': decoderLayer,
  'phi3-layer': decoderLayer,
  'rms-norm': ({ x }, { eps }) => ({ y: rmsNorm('', { eps })(x!) }),
  'owl-class-head': ({ image_embeds, query_embeds, query_mask }) => {
    const { scores, embeddings } = owlClassHead()(image_embeds!, query_embeds!, query_mask)
    return { pred_logits: scores, image_class_embeds: embeddings }
  },
  'owl-box-head': ({ image_embeds }, { grid, out }) =>
    out === 4
      ? { pred_boxes: owlBoxHead(grid)(image_embeds!) }
      : { objectness_logits: owlObjectnessHead()(image_embeds!) },
  'conv-gate': ({ low, high }) => ({ fused: sum(gateHigh(align({ low: low!, high: high!, maps: [] }))) }),
  projector: ({ x }, { out }) => ({ y: flow(linear('0', out), gelu, linear('2', out))(x!) }),
  'multihead-attention': ({ query, key, value: given }, { heads }) => ({
    y: multiHead(heads)(query!, key!, given!),
  }),
  'cross-entropy': ({ logits, labels }) => ({
    loss: reshape([1])(nextTokenLoss(logits as Tensor<[number, number, number]>, labels as never) as never),
  }),
}
/** torch's attention is named as itself in a case, and as a part of a projector here. */
const inCase = (block: string, name: string): string =>
  block === 'multihead-attention' ? name.replace(/^attn\./, '') : name

export const checkBlock = async (folder: string, machine: Machine): Promise<string | undefined> => {
  const attributes = jsonOf<Attributes>(folder, 'case.json')
  const block = attributes['block'] as string
  const tensors = tensorsOf(folder, 'case.safetensors')
  const [given, weights] = ['input.', 'weight.'].map(prefix => under(tensors, prefix))
  const inputs: Inputs = Object.fromEntries(
    [...given!].map(([name, { shape, dtype }]) => [
      name,
      (dtype === 'F32' ? inputOf(name, shape) : indexInput(name, shape as never)) as AnyTensor as Loose,
    ]),
  )
  const outputs = blocks[block]!(inputs, attributes)
  const cotangents = Object.keys(outputs).map(
    name => inputOf(`cotangent.${name}`, tensors.get(`cotangent.${name}`)!.shape) as Loose,
  )
  const list = Object.values(outputs)
  const named = new Map(
    topological(list.map(nodeOf)).flatMap(n => (n.role === 'input' || n.role === 'parameter' ? [[n.name, n]] : [])),
  )
  const names = parameters(outputs).map(({ name }) => name)
  if (
    names
      .map(n => inCase(block, n))
      .sort()
      .join() !== [...weights!.keys()].sort().join()
  )
    return `the block has the parameters ${names.join(', ')}, should have ${[...weights!.keys()].join(', ')}`
  const wanted = [...under(tensors, 'gradient.')]
  const targets = wanted.map(([name]) => {
    const short = name.replace(/^(input|weight)\./, '')
    return name.startsWith('input.')
      ? (inputs[short] as AnyTensor)
      : (named.get(names.find(n => inCase(block, n) === short)!) as AnyTensor)
  })
  const made = pullback(list, cotangents, targets)
  const all = { ...outputs, ...Object.fromEntries(wanted.map(([name], k) => [`gradient.${name}`, made[k]!])) }
  const feeds = [
    ...[...given!].map(([name, x]) => [name, valueOf(x)] as const),
    ...Object.keys(outputs).map(name => [`cotangent.${name}`, valueOf(tensors.get(`cotangent.${name}`)!)] as const),
  ]
  const numbers = new Map(names.map(name => [name, valueOf(weights!.get(inCase(block, name))!)]))
  const values = await machine.run(all, Object.fromEntries(feeds), numbers)
  return (
    Object.keys(outputs)
      .map(name => wrongOutput(name, values[name]!, tensors.get(`output.${name}`)!))
      .find(wrong => wrong !== undefined) ??
    wrongGradients(
      wanted.map(([name, x]) => ({ name: `gradient of ${name}`, got: values[`gradient.${name}`], wanted: x })),
    )
  )
}
/** Hidden scores are compared as such: they are so low that nothing beside them would count. */
const wrongOutput = (
  name: string,
  got: { readonly shape: readonly number[]; readonly data: ArrayLike<number> },
  wanted: { readonly shape: readonly number[]; readonly data: ArrayLike<number> },
): string | undefined => {
  const isHidden = (x: number): boolean => x < -3e38
  const [a, b] = [Array.from(got.data), Array.from(wanted.data)]
  if (a.some((x, i) => isHidden(x) !== isHidden(b[i]!))) return `${name}: other scores are hidden`
  const seen = (data: readonly number[]) => data.map(x => (isHidden(x) ? 0 : x))
  return wrongTensor({ name, got: { ...got, data: seen(a) }, wanted: { ...wanted, data: seen(b) } }, 1e-5)
}
