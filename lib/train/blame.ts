/** Where a number came from that is none: the first block, in the order of the data, whose value is infinite or not a number. */
import { either as E } from 'fp-ts'
import { compile, type CompileOptions } from '../device/run.ts'
import type { Door } from '../errors.ts'
import type { Feeds, Tensor, Value } from '../graph/index.ts'
import { tapAll } from '../interpret/edit.ts'
import type { WeightSource } from '../device/upload.ts'

const isSound = ({ data }: Value): boolean => data.every(x => Number.isFinite(x))

/** A sentence on the first cause that is found: a feed, a parameter, a block, or none of them. */
export const blame =
  (
    loss: Tensor<[]>,
    feeds: Feeds,
    trained: ReadonlyMap<string, Value>,
    weights: WeightSource,
    options: CompileOptions,
  ): Door<string> =>
  async () => {
    for (const [name, feed] of Object.entries(feeds))
      if (typeof feed === 'object' && 'shape' in feed && !isSound(feed)) return E.right(`input '${name}' is not finite`)
    for (const [name, value] of trained) if (!isSound(value)) return E.right(`parameter '${name}' is not finite`)
    const values = tapAll(loss)
    const names = Object.keys(values)
    const all: WeightSource = { get: name => trained.get(name) ?? weights.get(name) }
    const program = await compile({ ...values, loss }, { ...options, weights: all, allowInitial: true })()
    if (E.isLeft(program)) return program
    try {
      for (const name of names) {
        const ran = await program.right.run(feeds, { only: [name] })()
        if (E.isLeft(ran)) return ran
        if (!isSound(ran.right[name]!)) return E.right(`'${name}' is the first block whose result is not finite`)
      }
      return E.right('every block is finite, and so is the loss: a gradient is not')
    } finally {
      program.right.dispose()
    }
  }
