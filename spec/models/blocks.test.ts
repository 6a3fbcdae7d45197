/** Blocks of the models, on batches, against PyTorch in float64: outputs, and gradients of every input and parameter. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  evaluate,
  flow,
  indexInput,
  inputOf,
  pullback,
  tap,
  type AnyTensor,
  type Loose,
  type Value,
} from '../../lib/index.ts'
import { add } from '../../ops/index.ts'
import { clipLayer } from '../../models/clip.ts'
import { convNextBlock } from '../../models/convnext.ts'
import { align, fusion, gate, patchInfoMining, scaleBy } from '../../models/fusion.ts'
import { llamaLayer, separate } from '../../models/llama.ts'
import { readByQueries } from '../../models/projector.ts'
import { goldenTensors, type GoldenTensor } from '../golden/tensors.ts'
import { goldenRoots } from '../golden/where.ts'
import { right } from './values.ts'

interface Limits {
  readonly name: string
  readonly atol: number
  readonly rtol: number
}
interface Case {
  readonly op: string
  readonly name: string
  readonly attrs: Readonly<Record<string, never>>
  readonly inputs: readonly { readonly name: string; readonly dtype: string; readonly shape: readonly number[] }[]
  readonly outputs: readonly Limits[]
  readonly grads: readonly Limits[]
}
interface Given {
  readonly attrs: Readonly<Record<string, number>>
  readonly input: (name: string) => Loose
  readonly shape: (name: string) => readonly number[]
}

/** Each block on the inputs of a case, and what a parameter of the case is called in it. */
const blocks: Readonly<
  Record<string, { readonly graph: (g: Given) => AnyTensor; readonly parameter?: (name: string) => string }>
> = {
  clip_layer: {
    graph: ({ attrs, input, shape }) => {
      const [mlpWidth, width] = shape('mlp.fc1.weight') as [number, number]
      const heads = attrs.heads!
      const sizes = {
        width,
        heads,
        headWidth: width / heads,
        mlpWidth,
        layers: 1,
        select: -1,
        patch: 1,
        eps: attrs.eps!,
      }
      return clipLayer(sizes)(input('x'))
    },
  },
  llama_layer: {
    graph: ({ attrs, input, shape }) => {
      const [mlpWidth, width] = shape('mlp.up_proj.weight') as [number, number]
      const heads = attrs.heads!
      const sizes = {
        heads,
        keyHeads: attrs.kv_heads!,
        headWidth: shape('self_attn.q_proj.weight')[0]! / heads,
        mlpWidth,
      }
      const rest = { width, layers: 1, vocabulary: 1, theta: attrs.theta!, eps: attrs.eps!, projections: separate }
      return llamaLayer({ ...sizes, ...rest })(input('x'), input('position_ids') as never)
    },
  },
  convnext_block: { graph: ({ input, shape }) => convNextBlock(shape('x')[1]!)(input('x')) },
  conv_gate: {
    graph: ({ input, shape }) => {
      // the cases choose the gate's hidden width freely
      const hidden = shape('gate.0.weight')[0]!
      const gated = fusion(flow(align, v => add(v.low, scaleBy(v.high, gate(v, hidden)))))
      return gated({ low: input('low'), high: input('high'), maps: [] })
    },
    parameter: name => `fuse_module.${name}`,
  },
  patch_info_mining: {
    graph: ({ attrs, input }) => {
      const grid = inputOf('grid', [1, attrs.height!, attrs.width!]) as Loose
      return patchInfoMining({ low: input('low'), high: grid, maps: [input('high')] })
    },
    parameter: name => `fuse_module.vlm_uni_${name}`,
  },
  resampler: {
    graph: ({ attrs, input }) => readByQueries(attrs.heads!)(input('x'), input('pos_embed'), input('key_pos_embed')),
  },
}
const isInput = (name: string) => /^(x|low|high|position_ids|(key_)?pos_embed)$/.test(name)

const valueOf = ({ dtype, shape, data }: GoldenTensor): Value => ({
  kind: dtype === 'I32' ? 'index' : 'float',
  shape,
  data: data as Float32Array,
})
const expectWithin = ({ name, atol, rtol }: Limits, got: Value, wanted: GoldenTensor) => {
  expect(got.shape, name).toEqual(wanted.shape)
  const beyond = Array.from(wanted.data).findIndex((w, i) => !(Math.abs(got.data[i]! - w) <= atol + rtol * Math.abs(w)))
  expect(beyond < 0 ? 'within' : `${name}[${beyond}] is ${got.data[beyond]}, not ${wanted.data[beyond]}`).toBe('within')
}

const root = goldenRoots('ops')[0]
const file = root === undefined ? undefined : join(root, 'cases.json')
const cases: readonly Case[] = file === undefined ? [] : JSON.parse(readFileSync(file, 'utf8')).cases

describe.skipIf(!cases.some(c => c.op in blocks))('blocks', () => {
  for (const c of cases.filter(({ op }) => op in blocks))
    it(`${c.op}: ${c.name}`, () => {
      const golden = goldenTensors(join(root!, `${c.op}.safetensors`))
      const at = (role: string, name: string) => golden.get(`${c.name}/${role}/${name}`)!
      const { graph, parameter = (name: string) => name } = blocks[c.op]!
      const inputs = new Map<string, Loose>()
      const input = (name: string): Loose => {
        const { dtype, shape } = c.inputs.find(i => i.name === name)!
        const made = dtype === 'I32' ? indexInput(name, shape as never) : inputOf(name, shape)
        inputs.set(name, inputs.get(name) ?? (made as AnyTensor as Loose))
        return inputs.get(name)!
      }
      const shape = (name: string) => c.inputs.find(i => i.name === name)!.shape
      const y = graph({ attrs: c.attrs, input, shape })
      const cotangent = inputOf('cotangent', y.shape)
      const wrt = c.grads.map(({ name }) => (isInput(name) ? input(name) : tap(y, parameter(name))))
      const gradients = pullback([y], [cotangent], wrt)
      const outputs = { y, ...Object.fromEntries(c.grads.map(({ name }, k) => [`d ${name}`, gradients[k]!])) }
      const feeds = Object.fromEntries(
        [...c.inputs.map(i => i.name).filter(isInput)].map(name => [name, valueOf(at('in', name))]),
      )
      const weights = new Map(
        c.inputs.filter(i => !isInput(i.name)).map(i => [parameter(i.name), valueOf(at('in', i.name))]),
      )
      const values = right(evaluate(outputs, { ...feeds, cotangent: valueOf(at('cot', 'y')) }, { weights }))
      expectWithin(c.outputs[0]!, values['y' as never], at('out', 'y'))
      for (const limits of c.grads) expectWithin(limits, values[`d ${limits.name}` as never], at('grad', limits.name))
    })
})
