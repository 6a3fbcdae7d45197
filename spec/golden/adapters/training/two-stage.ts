/** A tiny MG-LLaVA through both stages of training, and the gradients of every variant. */
import { join } from 'node:path'
import { gradient, nodeOf, topological, value, type AnyTensor, type Value } from '../../../../lib/index.ts'
import { nodeFolder } from '../../../../lib/node/files.ts'
import { learning, type Learning, type Sample } from '../../../../models/learning/index.ts'
import { load, type LoadedMgLlava } from '../../../../models/load/index.ts'
import type { Machine } from '../../machine.ts'
import { jsonOf, opened, tensorsOf, valueOf, type Tensors } from '../stages.ts'
import { wrongGradients, wrongNumbers, wrongParameters } from './differences.ts'
import { optimizerOf } from './schedule.ts'
import { openSteps } from './trainers.ts'

interface Stage {
  readonly batches: readonly (readonly number[])[]
  readonly lr: readonly number[]
  readonly loss: readonly number[]
  readonly update_after: readonly number[]
  readonly grad_norm: readonly number[]
}
interface Case {
  readonly model: string
  readonly tensors: string
  readonly options: Parameters<typeof optimizerOf>[1]
  readonly max_norm: number
  readonly accumulative_counts: number
  readonly trained_prefixes: Readonly<Record<'stage_1' | 'stage_2', readonly string[]>>
  readonly stage_1: Stage
  readonly stage_2: Stage
}

const sampleOf = (tensors: Tensors, i: number): Sample => {
  const numbers = (name: string): readonly number[] => Array.from(tensors.get(`${i}.${name}`)!.data)
  const pixels = (name: string): Value => valueOf(tensors.get(`${i}.${name}`)!)
  const text = { ids: numbers('input_ids'), labels: numbers('labels') }
  if (!tensors.has(`${i}.pixel_values`)) return text
  const boxes = tensors.get(`${i}.boxes`)
  const found = boxes === undefined ? {} : { boxes: value(boxes.shape, Float32Array.from(boxes.data)) }
  return { ...text, shot: { image: pixels('pixel_values'), detail: pixels('pixel_values_aux'), ...found } }
}
const samplesIn = (file: string): readonly Sample[] => {
  const tensors = tensorsOf(file)
  const count = [...tensors.keys()].filter(name => name.endsWith('.input_ids')).length
  return Array.from({ length: count }, (_, i) => sampleOf(tensors, i))
}
const weightsOf = async ({ weights }: LoadedMgLlava): Promise<ReadonlyMap<string, Value>> => {
  const values = new Map<string, Value>()
  for (const [name, { shape, read }] of weights) values.set(name, value(shape, await opened(read)))
  return values
}
const isChosen =
  (prefixes: readonly string[]) =>
  (name: string): boolean =>
    prefixes.some(prefix => name.startsWith(prefix))

const firstGradients = async (
  file: string,
  machine: Machine,
  taught: Learning,
  batches: readonly (readonly Sample[])[],
  weights: ReadonlyMap<string, Value>,
): Promise<{ readonly loss: number; readonly wrong: string | undefined; readonly names: readonly string[] }> => {
  const wanted = tensorsOf(file)
  const named = new Map(
    topological([nodeOf(taught.loss)]).flatMap(n => (n.role === 'parameter' ? [[n.name, n] as const] : [])),
  )
  const names = [...wanted.keys()]
  const absent = names.filter(name => !named.has(name))
  if (absent.length > 0) throw new Error(`the model has no parameter ${absent.join(', ')}`)
  const made = gradient(
    taught.loss,
    names.map(name => named.get(name) as AnyTensor),
  )
  const outputs = { loss: taught.loss, ...Object.fromEntries(names.map((name, k) => [`gradient.${name}`, made[k]!])) }
  const values: Readonly<Record<string, Value>>[] = []
  for (const batch of batches) values.push(await machine.run(outputs, taught.feeds(batch), weights))
  const compared = names.map(name => {
    const parts = values.map(v => v[`gradient.${name}`]!)
    const data = parts[0]!.data.map((_, i) => parts.reduce((sum, p) => sum + p.data[i]! / parts.length, 0))
    return { name: `gradient of ${name}`, got: { shape: parts[0]!.shape, data }, wanted: wanted.get(name)! }
  })
  return { loss: values[0]!['loss']!.data[0]!, wrong: wrongGradients(compared), names }
}

export const checkTwoStages = async (folder: string, machine: Machine): Promise<string | undefined> => {
  const given = jsonOf<Case>(folder, 'case.json')
  const model = await opened(load(nodeFolder(join(folder, given.model))))
  const samples = samplesIn(join(folder, given.tensors))
  const taught = learning(model.parts)
  let weights = await weightsOf(model)
  for (const name of ['stage_1', 'stage_2'] as const) {
    const stage = given[name]
    const of = (file: string): string => join(folder, `${name.replace('_', '-')}-${file}.safetensors`)
    const batches = stage.batches.map(members => members.map(i => samples[i]!))
    const early = batches.slice(0, stage.update_after[0]! + 1)
    const first = await firstGradients(of('first-gradients'), machine, taught, early, weights)
    if (first.wrong !== undefined) return `${name}, first update: ${first.wrong}`
    const after = await train(machine, taught, batches, stage, weights, given, given.trained_prefixes[name])
    const wrong =
      wrongNumbers(`${name}, loss`, after.losses.slice(0, 1), stage.loss.slice(0, 1), {
        rtol: name === 'stage_1' ? 5e-6 : 2e-5,
      }) ??
      wrongNumbers(`${name}, loss`, after.losses, stage.loss, { rtol: 2e-5 }) ??
      wrongNumbers(`${name}, norm`, after.norms, stage.grad_norm, { rtol: 5e-5, atol: 1e-12 })
    if (wrong !== undefined) return wrong
    const wanted = tensorsOf(of('parameters'))
    if ([...wanted.keys()].sort().join() !== [...after.trained].sort().join())
      return `${name}: trained ${after.trained.length} parameters, should be ${wanted.size}`
    const off = wrongParameters(
      after.trained.map(parameter => ({
        name: `${name}: ${parameter}`,
        got: after.values.get(parameter),
        wanted: wanted.get(parameter)!,
        start: weights.get(parameter)!.data,
      })),
    )
    if (off !== undefined) return off
    weights = new Map([...weights, ...after.values])
  }
  return undefined
}

const train = async (
  machine: Machine,
  taught: Learning,
  batches: readonly (readonly Sample[])[],
  { lr, update_after }: Stage,
  weights: ReadonlyMap<string, Value>,
  { options, max_norm, accumulative_counts }: Case,
  prefixes: readonly string[],
) => {
  const optimizer = optimizerOf('AdamW', options, k => lr[k]!)
  const step = {
    optimizer,
    clip: max_norm,
    trainable: isChosen(prefixes),
    accumulate: accumulative_counts > 1,
  }
  const running = await openSteps(machine, { loss: taught.loss, weights }, step)
  const losses: number[] = []
  const norms: number[] = []
  try {
    let begun = 0
    for (const [u, last] of update_after.entries()) {
      for (let k = begun; k <= last; k++) {
        const at = { step: u + 1, rate: lr[k]!, share: 1 / (last + 1 - begun), first: k === begun, ends: k === last }
        const { loss, norm } = await running.step(taught.feeds(batches[k]!), at)
        losses.push(loss)
        if (norm !== undefined) norms.push(norm)
      }
      begun = last + 1
    }
    const held = await running.read()
    const trained = [...weights.keys()].filter(name => held.has(name))
    return { losses, norms, trained, values: new Map(trained.map(name => [name, held.get(name)!])) }
  } finally {
    running.close()
  }
}

export const checkVariant = async (folder: string, machine: Machine): Promise<string | undefined> => {
  const given = jsonOf<Pick<Case, 'model' | 'tensors'> & { readonly loss: number }>(folder, 'case.json')
  const model = await opened(load(nodeFolder(join(folder, given.model))))
  const samples = samplesIn(join(folder, given.tensors))
  const weights = await weightsOf(model)
  const file = join(folder, 'first-gradients.safetensors')
  const { loss, wrong } = await firstGradients(file, machine, learning(model.parts), [samples], weights)
  return wrongNumbers('loss', [loss], [given.loss], { rtol: 5e-6 }) ?? wrong
}
