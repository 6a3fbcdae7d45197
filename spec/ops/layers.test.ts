/** Layers: the names and shapes of their parameters, their first values, what they compute, and what they refuse. */
import { either as E } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import {
  evaluate,
  flow,
  input,
  inputOf,
  indexInput,
  parameters,
  scope,
  ShapeError,
  type AnyTensor,
  type Feeds,
  type Value,
} from '../../lib/index.ts'
import { conv2d, embedding, layerNorm, layerScale, linear, rmsNorm } from '../../ops/index.ts'

const valueOf = (x: AnyTensor, feeds: Feeds, weights: Readonly<Record<string, Value>> = {}): Value => {
  const got = evaluate({ x }, feeds, { weights: new Map(Object.entries(weights)), seed: 7 })
  if (E.isLeft(got)) throw new Error(got.left.message)
  return got.right.x
}
const numbers = (shape: readonly number[], data: readonly number[]): Value => ({
  kind: 'float',
  shape,
  data: Float64Array.from(data),
})
const named = (x: AnyTensor): Record<string, readonly unknown[]> =>
  Object.fromEntries(parameters(x).map(p => [p.name, p.shape]))

describe('names', () => {
  it('are those of checkpoints, under the block', () => {
    const block = flow(linear('fc1', 6), linear('fc2', 4, { bias: false }), layerNorm('norm'), layerScale('gamma'))
    expect(named(scope('layers.0', block)(input('x', ['n', 4])))).toEqual({
      'layers.0.fc1.weight': [6, 4],
      'layers.0.fc1.bias': [6],
      'layers.0.fc2.weight': [4, 6],
      'layers.0.norm.weight': [4],
      'layers.0.norm.bias': [4],
      'layers.0.gamma': [4],
    })
  })
  it('of a convolution hold its channels in one group', () => {
    const depthwise = conv2d('conv_dw', { out: 8, kernel: 7, padding: 'same', groups: 8 })(input('x', [8, 'h', 'w']))
    expect(named(depthwise)).toEqual({ 'conv_dw.weight': [8, 1, 7, 7], 'conv_dw.bias': [8] })
    expect(depthwise.shape).toEqual([8, 'h', 'w'])
  })
  it('of an embedding and of a root mean square norm', () => {
    const x = rmsNorm('norm')(embedding('embed_tokens', 11, 4)(indexInput('ids', ['text'])))
    expect(named(x)).toEqual({ 'embed_tokens.weight': [11, 4], 'norm.weight': [4] })
  })
})

describe('values', () => {
  it('of a linear layer are x weight^T + bias', () => {
    const y = valueOf(
      linear('fc', 2)(inputOf('x', [2, 3])),
      { x: [1, 2, 3, 4, 5, 6] },
      { 'fc.weight': numbers([2, 3], [1, 0, 0, 0, 1, 1]), 'fc.bias': numbers([2], [10, 20]) },
    )
    expect([...y.data]).toEqual([11, 25, 14, 31])
  })
  it('of a norm at first have mean 0 and variance 1 along its axis', () => {
    const x = { x: Array.from({ length: 24 }, (_, i) => Math.sin(i) * (i + 1)) }
    const { data } = valueOf(layerNorm('norm', { axis: -3, eps: 0 })(inputOf('x', [4, 2, 3])), x)
    for (let pixel = 0; pixel < 6; pixel++) {
      const channel = [0, 1, 2, 3].map(c => data[6 * c + pixel]!)
      expect(channel.reduce((a, b) => a + b)).toBeCloseTo(0, 10)
      expect(channel.reduce((a, b) => a + b * b, 0)).toBeCloseTo(4, 10)
    }
  })
  it('of parameters at first lie within the bounds of torch', () => {
    const bound = (shape: readonly number[], x: AnyTensor, name: string, feeds: Feeds): void => {
      const parameter = parameters(x).find(p => p.name === name)!
      expect(parameter.init).toEqual({ init: 'uniform', bound: 1 / Math.sqrt(shape.slice(1).reduce((a, b) => a * b)) })
      expect(valueOf(x, feeds).data.every(Number.isFinite)).toBe(true)
    }
    bound([5, 9], linear('fc', 5)(inputOf('x', [9])), 'fc.bias', { x: Array.from({ length: 9 }, () => 1) })
    const map = inputOf('x', [4, 3, 3])
    bound([6, 2, 3, 3], conv2d('conv', { out: 6, kernel: 3, groups: 2 })(map), 'conv.bias', {
      x: Array.from({ length: 36 }, () => 1),
    })
  })
})

describe('refusals', () => {
  const x = inputOf('x', ['n', 128] as readonly (number | string)[])
  const refused = (f: () => unknown): string => {
    try {
      f()
    } catch (e) {
      if (e instanceof ShapeError) return e.message
      throw e
    }
    return 'accepted'
  }
  it('name the layer, the axis and both widths', () => {
    const message = refused(() => scope('head', linear('out', 10, { from: 100 }) as never)(x as never))
    expect(message).toBe("linear 'head.out' on ['n', 128]: axis -1 is 128, should be 100")
  })
  it('ask for a number where a weight would be as wide as a named size', () => {
    expect(refused(() => linear('fc', 4)(input('x', [3, 'n'])))).toContain(
      "axis -1 is 'n', known only when the model runs",
    )
    expect(refused(() => conv2d('conv', { out: 4, kernel: 1 })(input('x', ['c', 5, 5])))).toContain("axis -3 is 'c'")
  })
  it('say that a scalar has no width', () => {
    expect(refused(() => linear('fc', 4)(inputOf('x', [] as readonly number[]) as never))).toContain('at least 1 axes')
  })
  it("keep padding 'same' to what it can do", () => {
    expect(() => conv2d('conv', { out: 4, kernel: 2, padding: 'same' })).toThrow("conv2d 'conv'")
  })
})
