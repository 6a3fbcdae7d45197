/** What training goldens run on: a trainer on a device, or the same step by the references, in float64. */
import {
  evaluate,
  nodeOf,
  openTrainer,
  trainingStep,
  value,
  type AnyTensor,
  type Feeds,
  type Lossy,
  type Moment,
  type Source,
  type Stepped,
  type StepOptions,
  type Value,
} from '../../../../lib/index.ts'
import type { Machine } from '../../machine.ts'
import { opened, right } from '../stages.ts'

type Values = ReadonlyMap<string, Value>
export interface Steps {
  readonly step: (feeds: Feeds, at: Moment & { readonly ends: boolean }) => Promise<Stepped>
  /** trained parameters, and what the optimizer remembers */
  readonly read: () => Promise<Values>
  readonly close: () => void
}
type Given = Omit<Lossy, 'weights'> & { readonly weights: Values }

export const openSteps = (machine: Machine, given: Given, options: StepOptions): Promise<Steps> =>
  machine.name === 'gpu' ? onDevice(given, options) : byReference(given, options)

const onDevice = async (given: Given, options: StepOptions): Promise<Steps> => {
  const trainer = await opened(openTrainer(given, options))
  return {
    step: (feeds, at) => opened(trainer.step(feeds, at)),
    read: () => opened(trainer.read),
    close: trainer.dispose,
  }
}

const byReference = async ({ loss, weights }: Given, options: StepOptions): Promise<Steps> => {
  const { outputs, next, carried } = trainingStep(loss, options)
  const nameOf = (x: AnyTensor): string => (nodeOf(x) as Source).name
  const held = new Map<string, Value>(weights)
  const after = Object.fromEntries(next.map(([state, x]) => [`next ${nameOf(state)}`, x]))
  return {
    step: async (feeds, { ends, ...at }) => {
      const numbers = Float64Array.from(options.optimizer.numbers(at))
      const all = { ...feeds, optimizer: value([numbers.length], numbers) }
      const values: Readonly<Record<string, Value>> = right(evaluate({ ...outputs, ...after }, all, { weights: held }))
      for (const [state] of next) {
        const name = nameOf(state)
        if (ends || carried.includes(name)) held.set(name, values[`next ${name}`]!)
      }
      return { loss: values['loss']!.data[0]!, ...(ends ? { norm: values['norm']!.data[0]! } : {}) }
    },
    read: async () => new Map([...held].filter(([name]) => next.some(([state]) => nameOf(state) === name))),
    close: () => {},
  }
}
