/** Adapters on layers that were not written for them: where they go, what they are called, and that they merge. */
import { either as E } from 'fp-ts'
import { expect, it } from 'vitest'
import { evaluate, initialValues, input, parameters, pipe, replace, scope, value, type Value } from 'sluice'
import { clip, linears, linearsBut, lora, mergeLora } from 'sluice/models'
import { embedding, gelu, layerNorm, linear } from 'sluice/ops'
import { indexInput } from '../../lib/index.ts'

const right = <A>(e: E.Either<{ readonly message: string }, A>): A => {
  if (E.isLeft(e)) throw new Error(e.left.message)
  return e.right
}
const config = { width: 12, heads: 2, headWidth: 6, mlpWidth: 20, layers: 2, select: -1, patch: 4, eps: 1e-5 }
const seen = clip(config)(input('image', [3, 8, 8]))
const options = { rank: 2, alpha: 6 }

it('goes beside the layers that are selected, with biases or without, and nowhere else', () => {
  const adapted = replace(linears('q_proj', 'fc2'), lora(options))(seen)
  const added = parameters(adapted).filter(({ name }) => name.includes('lora_'))
  const layer = (i: number): string => `vision_model.encoder.layers.${i}`
  expect(added.map(({ name, shape }) => [name, shape])).toEqual(
    [0, 1].flatMap(i => [
      [`${layer(i)}.self_attn.q_proj.lora_A.weight`, [2, 12]],
      [`${layer(i)}.self_attn.q_proj.lora_B.weight`, [12, 2]],
      [`${layer(i)}.mlp.fc2.lora_A.weight`, [2, 20]],
      [`${layer(i)}.mlp.fc2.lora_B.weight`, [12, 2]],
    ]),
  )
  expect(parameters(seen).some(({ name }) => name.includes('lora_'))).toBe(false)
})
it('knows a linear layer from an embedding and a norm', () => {
  const ids = indexInput('ids', ['n'])
  const model = scope('model', () =>
    pipe(embedding('tokens', 9, 4)(ids), layerNorm('norm'), linear('up', 8), gelu, linear('head', 3)),
  )()
  const names = (selector: ReturnType<typeof linears>) =>
    parameters(replace(selector, lora(options))(model)).flatMap(({ name }) => (name.includes('lora_A') ? [name] : []))
  expect(names(linears())).toEqual(['model.up.lora_A.weight', 'model.head.lora_A.weight'])
  expect(names(linearsBut('head'))).toEqual(['model.up.lora_A.weight'])
  expect(() => replace(linears('tokens'), lora(options))(model)).toThrow('none of the')
})
it('adds nothing at first, and once learned is a layer with other weights', () => {
  const adapted = replace(linears('q_proj', 'fc1'), lora(options))(seen)
  const image = value(
    [3, 8, 8],
    Float32Array.from({ length: 192 }, (_, i) => Math.sin(i)),
  )
  const before = right(evaluate(seen, { image }))
  expect(right(evaluate(adapted, { image })).data).toEqual(before.data)
  const weights = new Map<string, Value>(
    parameters(adapted).map(({ name, shape, init }) => {
      const learned = name.includes('lora_B') ? ({ init: 'normal', std: 0.3 } as const) : init
      return [name, value(shape.map(Number), initialValues(learned, name, shape.map(Number), 0))]
    }),
  )
  const after = right(evaluate(adapted, { image }, { weights }))
  expect(after.data).not.toEqual(before.data)
  const merged = new Map([...weights, ...mergeLora(options)(weights)])
  const plain = right(evaluate(seen, { image }, { weights: merged }))
  const off = Math.max(...Array.from(plain.data, (x, i) => Math.abs(x - after.data[i]!)))
  expect(off).toBeLessThan(1e-5)
})
