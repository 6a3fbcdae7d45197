/** Projectors of any depth: what their layers are called and how wide they are, and that two layers are the published projector. */
import { describe, expect, it } from 'vitest'
import { evaluate, inputOf, parameters, value, type Loose } from '../../lib/index.ts'
import { mlp, mlp2 } from '../../models/projector.ts'
import { right } from './values.ts'

const x = inputOf('x', [3, 5]) as Loose
const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, (_, k) => Math.sin(k * 1.7))
const named = (y: Loose) => parameters(y).map(({ name, shape }) => `${name} ${shape.join()}`)

describe('mlp', () => {
  it('goes through its widths, layer by layer', () =>
    expect(named(mlp([8, 6])(4)(x))).toEqual([
      'model.0.weight 8,5',
      'model.0.bias 8',
      'model.2.weight 6,8',
      'model.2.bias 6',
      'model.4.weight 4,6',
      'model.4.bias 4',
    ]))
  it('is one linear layer without any', () =>
    expect(named(mlp([])(4)(x))).toEqual(['model.0.weight 4,5', 'model.0.bias 4']))
  it('is the published projector where it is as wide inside as outside', () => {
    const feeds = { x: value([3, 5], numbers(15)) }
    const [deep, two] = [mlp([4])(4)(x), mlp2(4)(x as never) as Loose].map(y => {
      expect(named(y)).toEqual(['model.0.weight 4,5', 'model.0.bias 4', 'model.2.weight 4,4', 'model.2.bias 4'])
      return right(evaluate(y, feeds, { seed: 1 }))
    })
    expect(deep).toEqual(two)
    expect(Math.max(...deep!.data)).toBeGreaterThan(0)
  })
})
