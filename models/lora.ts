/**
 * Low-rank adapters (Hu et al., LoRA, 2021): a linear layer gets a second, narrow path beside its own, y + alpha / rank · B A x. The model
 * is not written for it: layers are selected in its graph and replaced.
 *
 *   pipe(model, replace(linears('q_proj', 'v_proj'), lora({ rank: 8, alpha: 16 })))
 *
 * Parameters are named in the layer's block, `lora_A.weight` [rank, in] and `lora_B.weight` [out, rank], as huggingface/peft has them.
 */
import { loosely, nodeOf, param, value, type Loose, type Node, type Selected, type Value } from '../lib/index.ts'
import { add, einsum, scale } from '../ops/index.ts'

/** A linear layer as a graph has it: what it reads, and the full name of its block. */
interface Layer {
  readonly name: string
  readonly input: Node
}
/** The layer whose result a value is, if it is one's: a product with the weight of its block, and perhaps a bias. */
const layerOf = ({ node, names }: Selected): Layer | undefined => {
  const layers = [node, node.inputs[0]].flatMap((product): readonly Layer[] => {
    const [input, weight] = product?.inputs ?? []
    if (input === undefined || weight?.role !== 'parameter' || weight.shape.length !== 2) return []
    const name = names.find(n => weight.name === `${n}.weight`)
    return name === undefined ? [] : [{ name, input }]
  })
  return layers[0]
}
const isCalled = (name: string, end: string): boolean => name === end || name.endsWith(`.${end}`)

/** Selects the linear layers whose names end so, or all. */
export const linears =
  (...ends: readonly string[]) =>
  (v: Selected): boolean => {
    const layer = layerOf(v)
    return layer !== undefined && (ends.length === 0 || ends.some(end => isCalled(layer.name, end)))
  }
/** Selects the linear layers, but for those whose names end so. */
export const linearsBut =
  (...ends: readonly string[]) =>
  (v: Selected): boolean => {
    const layer = layerOf(v)
    return layer !== undefined && !ends.some(end => isCalled(layer.name, end))
  }

export interface LoraOptions {
  readonly rank: number
  /** the path is scaled by alpha / rank */
  readonly alpha: number
}
/** A linear layer with a narrow path beside it, which adds nothing at first. Throws TypeError for what is no linear layer. */
export const lora =
  ({ rank, alpha }: LoraOptions) =>
  (y: Loose, selected: Selected): Loose => {
    const layer = layerOf({ ...selected, node: nodeOf(y) })
    if (layer === undefined) throw new TypeError(`lora: '${selected.names.join()}' is no linear layer`)
    const product = (x: Loose, weight: Loose): Loose => loosely(einsum)('...s i, o i -> ...s o')(x, weight)
    const down = param('lora_A.weight', [rank, layer.input.shape.at(-1)!]) as Loose
    const up = param('lora_B.weight', [y.shape.at(-1)!, rank], { init: 'zeros' }) as Loose
    const narrow = product(product(layer.input as never, down), up)
    return add(y, scale(alpha / rank)(narrow)) as Loose
  }

/** The weights of layers with their adapters added in: W + alpha / rank · B A, by the names of the weights. */
export const mergeLora =
  ({ rank, alpha }: LoraOptions) =>
  (weights: ReadonlyMap<string, Value>): ReadonlyMap<string, Value> => {
    const merged = new Map<string, Value>()
    for (const [name, down] of weights) {
      if (!name.endsWith('.lora_A.weight')) continue
      const layer = name.slice(0, -'.lora_A.weight'.length)
      const [up, own] = [weights.get(`${layer}.lora_B.weight`), weights.get(`${layer}.weight`)]
      if (up === undefined || own === undefined) continue
      const [outputs, inputs] = own.shape as [number, number]
      const sum = (row: number, column: number): number => {
        let total = 0
        for (let r = 0; r < rank; r++) total += up.data[row * rank + r]! * down.data[r * inputs + column]!
        return total
      }
      const data = Float32Array.from({ length: outputs * inputs }, (_, at) => {
        const [row, column] = [Math.floor(at / inputs), at % inputs]
        return own.data[at]! + (alpha / rank) * sum(row, column)
      })
      merged.set(`${layer}.weight`, value(own.shape, data))
    }
    return merged
  }

/** Names of adapters in the files of peft, and in a checkpoint of MG-LLaVA, by those of the language model alone. */
export const peftName = (parameter: string): string => `base_model.model.${parameter}`
export const peftNameInCheckpoint = (parameter: string): string =>
  `llm.${peftName(parameter).replace(/\.(lora_[AB])\.weight$/, '.$1.default.weight')}`
