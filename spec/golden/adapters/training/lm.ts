/** Small language models: logits, gradients, losses, norms and parameters, step by step, whole or by adapters alone. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  gradient,
  indexInput,
  nodeOf,
  parameters,
  replace,
  topological,
  value,
  type AnyTensor,
  type Loose,
  type Tensor,
} from '../../../../lib/index.ts'
import { linears, linearsBut, lora, mergeLora, peftName, peftNameInCheckpoint } from '../../../../models/lora.ts'
import { llama, type LlamaConfig } from '../../../../models/llama.ts'
import { llamaConfigOf, readLlm } from '../../../../models/load/llm-files.ts'
import { nextTokenLoss } from '../../../../models/losses.ts'
import type { Machine } from '../../machine.ts'
import { jsonOf, right, tensorsOf, valueOf, type Weights } from '../stages.ts'
import { wrongGradients, wrongNumbers, wrongParameters, wrongTensor } from './differences.ts'
import { optimizerOf } from './schedule.ts'
import { openSteps } from './trainers.ts'

interface Batch {
  readonly input_ids: readonly (readonly number[])[]
  readonly labels: readonly (readonly number[])[]
}
interface Case {
  readonly options: Parameters<typeof optimizerOf>[1]
  readonly max_norm: number
  readonly lr: readonly number[] | number
  readonly loss: readonly number[]
  readonly grad_norm: readonly number[]
  readonly parameters_after?: readonly number[]
  readonly batches: readonly Batch[]
}
const whole = (rows: readonly (readonly number[])[]) => value([rows.length, rows[0]!.length], rows.flat(), 'index')
const feedsOf = ({ input_ids, labels }: Batch) => ({ ids: whole(input_ids), labels: whole(labels) })

const ids = indexInput('ids', ['rows', 'tokens'])
const labels = indexInput('labels', ['rows', 'tokens'])
const languageModel = (config: LlamaConfig): Loose => llama(config)(ids) as Loose
const lossOf = (logits: Loose): Tensor<[]> => nextTokenLoss(logits as Tensor<['rows', 'tokens', number]>, labels)

const configOf = (folder: string): LlamaConfig =>
  llamaConfigOf(right(readLlm(readFileSync(join(folder, 'config.json'), 'utf8'), 'config.json')))
const weightsOf = (folder: string, file: string): Weights =>
  new Map([...tensorsOf(folder, file)].map(([name, x]) => [name, valueOf(x)]))

interface Given {
  readonly logits: Loose
  readonly weights: Weights
  /** names of the trained parameters in files, by their names here */
  readonly trained: ReadonlyMap<string, string>
}
const check = async (folder: string, machine: Machine, given: Given): Promise<string | undefined> => {
  const { logits, weights, trained } = given
  const {
    options,
    max_norm,
    lr,
    loss: wantedLoss,
    grad_norm,
    parameters_after,
    batches,
  } = jsonOf<Case>(folder, 'case.json')
  const loss = lossOf(logits)
  const names = [...trained.keys()]
  const named = new Map(topological([nodeOf(loss)]).flatMap(n => (n.role === 'parameter' ? [[n.name, n]] : [])))
  const found = gradient(
    loss,
    names.map(name => named.get(name) as AnyTensor),
  )
  const gradients = Object.fromEntries(names.map((name, k) => [`gradient.${name}`, found[k]!]))
  const first = await machine.run({ logits, loss, ...gradients }, feedsOf(batches[0]!), weights)
  const wantedLogits = tensorsOf(folder, 'first-logits.safetensors').get('logits')!
  const wantedGradients = tensorsOf(folder, 'first-gradients.safetensors')
  const compared = names.map(name => ({
    name: `gradient of ${name}`,
    got: first[`gradient.${name}`],
    wanted: wantedGradients.get(trained.get(name)!)!,
  }))
  const early =
    wrongTensor({ name: 'first logits', got: first['logits'], wanted: wantedLogits }, 1e-5) ?? wrongGradients(compared)
  if (early !== undefined) return early

  const rateOf = (k: number): number => (typeof lr === 'number' ? lr : lr[k]!)
  const optimizer = optimizerOf('AdamW', options, k => rateOf(k))
  const running = await openSteps(
    machine,
    { loss, weights },
    { optimizer, clip: max_norm, trainable: n => trained.has(n) },
  )
  try {
    const losses: number[] = []
    const norms: number[] = []
    for (const [k, batch] of batches.entries()) {
      const at = { step: k + 1, rate: rateOf(k), share: 1, first: true, ends: true }
      const { loss: one, norm } = await running.step(feedsOf(batch), at)
      losses.push(one)
      norms.push(norm!)
      const last = k === batches.length - 1 && existsSync(join(folder, 'adapter-after.safetensors'))
      const file = last ? 'adapter-after.safetensors' : `parameters-after-${k + 1}.safetensors`
      if (!last && parameters_after?.includes(k + 1) !== true) continue
      const [held, wanted] = [await running.read(), tensorsOf(folder, file)]
      const after = names.map(name => ({
        name: `${name} after step ${k + 1}`,
        got: held.get(name),
        wanted: wanted.get(trained.get(name)!)!,
        start: weights.get(name)!.data,
      }))
      const wrong = wrongParameters(after)
      if (wrong !== undefined) return wrong
    }
    return (
      wrongNumbers('loss', losses.slice(0, 1), wantedLoss.slice(0, 1), { rtol: 5e-6 }) ??
      wrongNumbers('loss', losses, wantedLoss, { rtol: 2e-5 }) ??
      wrongNumbers('norm', norms.slice(0, 1), grad_norm.slice(0, 1), { rtol: 1e-5 }) ??
      wrongNumbers('norm', norms, grad_norm, { rtol: 5e-5 })
    )
  } finally {
    running.close()
  }
}

export const checkLanguageModel = (folder: string, machine: Machine): Promise<string | undefined> => {
  const weights = weightsOf(folder, 'weights.safetensors')
  const trained = new Map([...weights.keys()].map(name => [name, name]))
  return check(folder, machine, { logits: languageModel(configOf(folder)), weights, trained })
}

interface Adapter {
  readonly r: number
  readonly lora_alpha: number
  readonly target_modules: readonly string[] | 'all-linear'
}
export const checkLora = async (folder: string, machine: Machine): Promise<string | undefined> => {
  const { r: rank, lora_alpha: alpha, target_modules: targets } = jsonOf<Adapter>(folder, 'adapter_config.json')
  const selector = targets === 'all-linear' ? linearsBut('lm_head') : linears(...targets)
  const logits = replace(selector, lora({ rank, alpha }))(languageModel(configOf(folder)))
  const base = weightsOf(folder, 'weights.safetensors')
  const files = weightsOf(folder, 'adapter_model.safetensors')
  const adapters = parameters(logits).filter(({ name }) => !base.has(name))
  const trained = new Map(adapters.map(({ name }) => [name, peftName(name)]))
  const unknown = [...files.keys()].filter(name => ![...trained.values()].includes(name))
  if (unknown.length > 0) return `the model has no adapter ${unknown.join(', ')}`
  const inMg = jsonOf<{ readonly names_in_mg_checkpoint: Readonly<Record<string, string>> }>(folder, 'case.json')
  const named = adapters.map(({ name }) => [peftNameInCheckpoint(name), peftName(name)])
  if (JSON.stringify(sorted(named)) !== JSON.stringify(sorted(Object.entries(inMg.names_in_mg_checkpoint))))
    return 'the names in a checkpoint of MG-LLaVA are others'
  const weights = new Map([...base, ...adapters.map(({ name }) => [name, files.get(peftName(name))!] as const)])
  const wrong = await check(folder, machine, { logits, weights, trained })
  if (wrong !== undefined || !existsSync(join(folder, 'merged.safetensors'))) return wrong
  const merged = mergeLora({ rank, alpha })(weights)
  for (const [name, wanted] of tensorsOf(folder, 'merged.safetensors')) {
    const off = wrongTensor({ name: `${name}, merged`, got: merged.get(name), wanted }, 1e-6)
    if (off !== undefined) return off
  }
  return undefined
}
const sorted = (rows: readonly (readonly string[])[]) => [...rows].sort((a, b) => a[0]!.localeCompare(b[0]!))
