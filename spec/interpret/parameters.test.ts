import { either as E } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import {
  checkParameters,
  checkUpdates,
  evaluate,
  input,
  named,
  param,
  parameters,
  scope,
  ShapeError,
  state,
  states,
  topological,
  updates,
  type Update,
} from '../../lib/index.ts'
import { add, scale, sum } from '../../ops/index.ts'
import { tower } from './small-models.ts'

describe('parameters', () => {
  it('lists every parameter once, by its full name, in the order of use', () => {
    const found = parameters(tower(2)).map(p => [p.name, ...p.shape])
    expect(found).toEqual([
      ['encoder.layers.0.mlp.fc1.weight', 8, 5],
      ['encoder.layers.0.mlp.fc1.bias', 8],
      ['encoder.layers.0.mlp.fc2.weight', 5, 8],
      ['encoder.layers.0.mlp.fc2.bias', 5],
      ['encoder.layers.1.mlp.fc1.weight', 8, 5],
      ['encoder.layers.1.mlp.fc1.bias', 8],
      ['encoder.layers.1.mlp.fc2.weight', 5, 8],
      ['encoder.layers.1.mlp.fc2.bias', 5],
      ['head.weight', 2, 5],
      ['head.bias', 2],
    ])
  })
  it('counts a name that is used twice as one parameter', () => {
    const w = () => param('w', [3], { init: 'ones' })
    expect(parameters(add(w(), w()))).toEqual([{ name: 'w', shape: [3], kind: 'float', init: { init: 'ones' } }])
  })
  it('refuses one name for two shapes, and says where both are', () => {
    const first = scope('one', () => sum(-1)(param('w', [3])))()
    const clash = add(first, sum(-1)(param('one.w', [4])))
    expect(() => parameters(clash)).toThrow(ShapeError)
    expect(() => parameters(clash)).toThrow(
      /parameter 'one\.w' has two shapes:\n {2}\[3\] from parameter 'one\.w' \(one, interpret\/parameters\.test\.ts:\d+\)\n {2}\[4\] from/,
    )
    expect(evaluate(clash)).toMatchObject({ _tag: 'Left', left: { kind: 'shape' } })
  })
  it('refuses one name for two initial values', () => {
    const clash = add(param('w', [3], { init: 'ones' }), param('w', [3], { init: 'zeros' }))
    expect(() => parameters(clash)).toThrow("parameter 'w' has two initial values")
  })
  it('lets an input and a parameter share a name', () => {
    const both = add(input('w', [3]), param('w', [3]))
    expect(E.isRight(checkParameters(topological([both])))).toBe(true)
  })
})

describe('checkUpdates', () => {
  const counter = state('counter', [2])
  it('takes states with values of their shape', () => {
    const next = scale(2)(counter)
    expect(states(next).map(s => s.name)).toEqual(['counter'])
    expect(checkUpdates([[counter, next]])).toEqual(E.right(undefined))
  })
  it('refuses what is not a state, a state twice, and another shape', () => {
    const message = (updates: readonly Update[]): string | undefined => {
      const checked = checkUpdates(updates)
      return E.isLeft(checked) ? checked.left.message : undefined
    }
    expect(message([[input('x', [2]), counter]])).toMatch(/^next: \[2\] from input 'x' .* is not a state/)
    expect(
      message([
        [counter, counter],
        [counter, counter],
      ]),
    ).toContain("state 'counter' is updated twice")
    expect(message([[counter, sum(-1)(counter)]])).toContain("state 'counter' has two shapes")
  })
})

describe('updates', () => {
  const counted = scope('steps', () => named('count')(add(state('count', [2]), input('x', [2]))))
  it('finds what states become by their names', () => {
    const once = counted()
    expect(updates({ twice: scale(2)(once), once })).toMatchObject([
      [
        { role: 'state', name: 'steps.count' },
        { role: 'applied', labels: ['steps.count', 'steps'] },
      ],
    ])
    expect(E.isRight(checkUpdates(updates(once)))).toBe(true)
  })
  it('leaves a state without a next value out, and other names', () => {
    expect(updates(named('sum')(add(state('count', [2]), input('x', [2]))))).toEqual([])
  })
  it('refuses two next values of one state', () => {
    expect(() => updates(add(counted(), scale(2)(counted())))).toThrow("state 'steps.count' has two next values")
  })
})
