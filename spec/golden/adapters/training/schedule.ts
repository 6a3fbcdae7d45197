/** Learning rates, clipping, optimizers and accumulation: the arithmetic of a step on given gradients. */
import {
  cosine,
  indexInput,
  inputOf,
  param,
  publishedCosine,
  type Loose,
  type Optimizer,
  type Schedule,
  type Tensor,
  type Value,
} from '../../../../lib/index.ts'
import {
  adamW,
  add,
  clipScale,
  crossEntropy,
  einsum,
  globalNorm,
  lookup,
  mul,
  sgd,
  sum,
} from '../../../../ops/index.ts'
import type { Machine } from '../../machine.ts'
import { jsonOf, tensorsOf, valueOf, type Tensors, type Weights } from '../stages.ts'
import { wrongNumbers, wrongTensor } from './differences.ts'
import { openSteps } from './trainers.ts'

interface Options {
  readonly betas?: readonly [number, number]
  readonly eps?: number
  readonly weight_decay?: number
  readonly momentum?: number
  readonly nesterov?: boolean
}
/** The optimizer of a case, with torch's words. */
export const optimizerOf = (
  name: 'AdamW' | 'SGD',
  { betas, eps, weight_decay: weightDecay = 0, momentum = 0, nesterov = false }: Options,
  lr: Schedule,
): Optimizer =>
  name === 'AdamW'
    ? adamW({ lr, weightDecay, ...(betas === undefined ? {} : { betas }), ...(eps === undefined ? {} : { eps }) })
    : sgd({ lr, momentum, nesterov, weightDecay })

export const checkLearningRate = (folder: string): string | undefined => {
  interface Table {
    readonly iterations: number
    readonly base_lr: number
    readonly step?: readonly number[]
    readonly lr?: readonly number[]
    readonly error?: string
  }
  const given = jsonOf<{ warmup_ratio: number; start_factor: number; eta_min: number; tables: readonly Table[] }>(
    folder,
    'case.json',
  )
  for (const { iterations, base_lr, step, lr, error } of given.tables) {
    const options = { warmup: given.warmup_ratio, start: given.start_factor, end: given.eta_min }
    const rate = publishedCosine(base_lr, options)
    if (error !== undefined) {
      try {
        rate(0, iterations)
        return `${iterations} iterations should be refused`
      } catch {
        continue
      }
    }
    const what = `${iterations} iterations, rate`
    const limits = { atol: 1e-9 * base_lr }
    const wrong = wrongNumbers(
      what,
      step!.map(k => rate(k, iterations)),
      lr!,
      limits,
    )
    if (wrong !== undefined) return wrong
    // where mmengine's warm-up has two iterations, the default is the same
    const usual = iterations < 67 ? undefined : step!.map(k => cosine(base_lr, options)(k, iterations))
    const other = usual && wrongNumbers(what, usual, lr!, limits)
    if (other !== undefined) return other
  }
  return undefined
}

export const checkClip = async (folder: string, machine: Machine): Promise<string | undefined> => {
  const { max_norm, norm, coefficient } = jsonOf<{ max_norm: number; norm: number; coefficient: number }>(
    folder,
    'case.json',
  )
  const tensors = tensorsOf(folder, 'case.safetensors')
  const given = [...tensors].filter(([name]) => name.startsWith('gradient.'))
  const inputs = given.map(([name, x]) => inputOf(name, x.shape) as Loose)
  const total = globalNorm(inputs)
  const by = clipScale(max_norm)(total)
  const clipped = inputs.map((x, k) => [`clipped.${k}`, mul(x, by) as Loose] as const)
  const feeds = Object.fromEntries(given.map(([name, x]) => [name, valueOf(x)]))
  const values = await machine.run({ norm: total, coefficient: by, ...Object.fromEntries(clipped) }, feeds)
  const got = [values['norm']!.data[0], values['coefficient']!.data[0]]
  return (
    wrongNumbers('norm, coefficient', got, [norm, coefficient], { rtol: 1e-5, atol: norm === 0 ? 1e-12 : 0 }) ??
    clipped
      .map(([name]) => wrongTensor({ name, got: values[name], wanted: tensors.get(name)! }, 1e-5))
      .find(wrong => wrong !== undefined)
  )
}

/** One optimizer step on given gradients, relative to the largest of the tensor. */
const stepShare = 1e-6
export const checkOptimizer = async (folder: string, machine: Machine): Promise<string | undefined> => {
  interface Case {
    readonly optimizer: 'AdamW' | 'SGD'
    readonly options: Options
    readonly steps: number
    readonly lr: readonly number[]
    readonly parameters: Readonly<Record<string, readonly number[]>>
  }
  const { optimizer, options, steps, lr, parameters } = jsonOf<Case>(folder, 'case.json')
  const tensors = tensorsOf(folder, 'case.safetensors')
  const made = optimizerOf(optimizer, options, () => 0)
  const names = Object.keys(parameters)
  // the gradient of Σ p · g with respect to p is g
  const products = names.map(name => {
    const [p, g] = [param(name, parameters[name]!), inputOf(`gradient.${name}`, parameters[name]!)]
    const all = (mul(p as Loose, g as Loose) as Loose).shape.map((_: unknown, k: number) => k)
    return sum(...all)(mul(p as Loose, g as Loose)) as Loose
  })
  const loss = products.reduce((a, b) => add(a, b) as Loose) as Tensor<[]>
  const weights: Weights = new Map(names.map(name => [name, valueOf(tensors.get(`parameter.0.${name}`)!)]))
  const running = await openSteps(machine, { loss, weights }, { optimizer: made })
  try {
    for (let t = 1; t <= steps; t++) {
      const feeds = Object.fromEntries(names.map(n => [`gradient.${n}`, valueOf(tensors.get(`gradient.${t}.${n}`)!)]))
      await running.step(feeds, { step: t, rate: lr[t - 1]!, share: 1, first: true, ends: true })
      const held = await running.read()
      for (const name of names)
        for (const kind of ['parameter', ...made.slots]) {
          const got = held.get(kind === 'parameter' ? name : `${kind}.${name}`)
          const wrong = wrongStep(`${kind}.${t}.${name}`, got, tensors)
          if (wrong !== undefined) return wrong
        }
    }
    return undefined
  } finally {
    running.close()
  }
}
const wrongStep = (name: string, got: Value | undefined, tensors: Tensors): string | undefined => {
  const wanted = tensors.get(name)!
  const most = Math.max(...Array.from(wanted.data, Math.abs))
  return wrongNumbers(name, Array.from(got?.data ?? []), Array.from(wanted.data), { atol: stepShare * most })
}

export const checkAccumulation = async (folder: string, machine: Machine): Promise<string | undefined> => {
  interface Case {
    readonly accumulative_counts: number
    readonly micro_batches: number
    readonly loss: readonly number[]
    readonly update_after: readonly number[]
    readonly grad_norm: readonly number[]
    readonly max_norm: number
    readonly lr: number
    readonly options: Options
    readonly vocabulary: number
    readonly width: number
  }
  const given = jsonOf<Case>(folder, 'case.json')
  const tensors = tensorsOf(folder, 'case.safetensors')
  const [inputs, labels] = [indexInput('inputs', ['rows', 'tokens']), indexInput('labels', ['rows', 'tokens'])]
  const table = param('table', [given.vocabulary, given.width])
  const head = param('head', [given.vocabulary, given.width])
  const logits = einsum('r t d, v d -> r t v')(lookup(table, inputs) as Loose, head as Loose)
  const loss = crossEntropy()(logits as Loose, labels as never)
  const weights: Weights = new Map(['table', 'head'].map(n => [n, valueOf(tensors.get(`parameter.0.${n}`)!)]))
  const options = {
    optimizer: optimizerOf('AdamW', given.options, () => given.lr),
    clip: given.max_norm,
    accumulate: given.accumulative_counts > 1,
  }
  const running = await openSteps(machine, { loss, weights }, options)
  try {
    const losses: number[] = []
    const norms: number[] = []
    let begun = 0
    for (const [u, last] of given.update_after.entries()) {
      for (let k = begun; k <= last; k++) {
        const feeds = { inputs: valueOf(tensors.get(`inputs.${k}`)!), labels: valueOf(tensors.get(`labels.${k}`)!) }
        const moment = { step: u + 1, rate: given.lr, share: 1 / (last + 1 - begun), first: k === begun }
        const done = await running.step(feeds, { ...moment, ends: k === last })
        losses.push(done.loss)
        if (done.norm !== undefined) norms.push(done.norm)
      }
      begun = last + 1
      const held = await running.read()
      for (const name of ['table', 'head']) {
        const wanted = tensors.get(`parameter.${u + 1}.${name}`)!
        const wrong = wrongTensor({ name: `${name} after update ${u + 1}`, got: held.get(name), wanted }, 2e-5)
        if (wrong !== undefined) return wrong
      }
    }
    return (
      wrongNumbers('loss', losses, given.loss, { rtol: 2e-5 }) ??
      wrongNumbers('norm', norms, given.grad_norm, { rtol: 5e-5 })
    )
  } finally {
    running.close()
  }
}
