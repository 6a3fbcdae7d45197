import { either as E } from 'fp-ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  constant,
  count,
  evaluate,
  input,
  labels,
  named,
  nodeOf,
  param,
  parameters,
  pipe,
  replace,
  scope,
  ShapeError,
  tap,
  tapAll,
  topological,
  type Dim,
  type Outputs,
} from '../../lib/index.ts'
import { add, einsum, exp, mul, sigmoid, sum, toTruth } from '../../ops/index.ts'
import { linear } from '../../ops/layers/index.ts'
import { classifier, tower } from './small-models.ts'

const feeds = { tokens: Array.from({ length: 15 }, (_, i) => Math.sin(i)) }
const valuesOf = <O extends Outputs>(outputs: O, given: Readonly<Record<string, readonly number[]>> = feeds) => {
  const result = evaluate(outputs, given)
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}
/** A gate that scales one branch, as in a gated fusion. */
const gated = () => {
  const x = input('x', ['n', 4])
  const by = scope('fusion', (y: typeof x) => pipe(y, linear('proj', 4), sigmoid, named('gate')))(x)
  return mul(exp(x), by)
}

describe('tap', () => {
  it('finds by the full name, and by its end where that means one value', () => {
    const model = tower(3)
    const fc1 = tap(model, 'encoder.layers.1.mlp.fc1')
    expect(fc1.shape).toEqual(['text', 8])
    expect(tap(model, 'layers.1.mlp.fc1')).toBe(fc1)
    expect(tap(model, '1.mlp.fc1')).toBe(fc1)
    expect(() => tap(model, 'c1')).toThrow(TypeError)
  })
  it('prefers the full name', () => {
    const inner = scope('gate', () => exp(input('x', [2])))
    const model = add(inner(), scope('deep', inner)())
    expect(tap(model, 'gate').shape).toEqual([2])
    expect(nodeOf(tap(model, 'gate')).labels).toEqual(['gate'])
  })
  it('takes inputs and parameters too', () => {
    expect(tap(tower(1), 'tokens')).toMatchObject({ role: 'input' })
    expect(tap(tower(2), 'layers.0.mlp.fc2.bias')).toMatchObject({ role: 'parameter', shape: [5] })
  })
  it('lists the nearest names when there is none', () => {
    expect(() => tap(gated(), 'fusion.gates')).toThrow(
      /^tap: no value is called 'fusion\.gates'; the nearest of 6 names: fusion\.gate, /,
    )
    expect(() => tap(exp(constant(1)), 'y')).toThrow("no value is called 'y': nothing in this graph has a name")
  })
  it('lists the places when a name means several values', () => {
    expect(() => tap(tower(9), 'act')).toThrow(
      /^tap: 'act' means 9 values:\n {2}\['text', 8\] from gelu \(encoder\.layers\.0\.mlp\.act.*\n(.*\n){4} {2}… and 4 more\n {2}Say more/,
    )
  })
  it('gives values that evaluate, for every label', () => {
    const model = tower(2)
    const found = labels(model)
    expect(found).toHaveLength(2 * 5 + 2)
    const values = valuesOf(tapAll(model))
    expect(Object.keys(values)).toEqual(found)
    for (const name of found) {
      const one = tap(model, name)
      expect(values[name]).toEqual(valuesOf(one))
      expect(values[name]?.shape).toEqual([...one.shape].map((d: Dim) => (d === 'text' ? 3 : d)))
    }
  })
})

describe('tapAll', () => {
  it('takes a name, numbers what has the same, and calls the rest by block and op', () => {
    expect(Object.keys(tapAll(tower(2), 'act'))).toEqual(['encoder.layers.0.mlp.act', 'encoder.layers.1.mlp.act'])
    const shared = scope('block', (x: ReturnType<typeof exp>) => exp(x))
    const model = shared(shared(input('x', [2]) as never))
    expect(Object.keys(tapAll(model))).toEqual(['block', 'block#2'])
    const ops = tapAll(tower(1), ({ node }) => node.role === 'applied' && node.op.name === 'einsum')
    expect(Object.keys(ops)).toEqual([
      'encoder.layers.0.mlp.fc1.einsum',
      'encoder.layers.0.mlp.fc2.einsum',
      'head.einsum',
    ])
  })
})

describe('replace', () => {
  it('by the value itself gives the same graph', () => {
    const model = tower(2)
    const again = pipe(
      model,
      replace(
        () => true,
        old => old,
      ),
    )
    expect(again).toBe(model)
  })
  it('by an equal value gives equal numbers, wherever it is done', () => {
    const model = tower(3)
    const names = labels(model)
    const one = constant(1)
    fc.assert(
      fc.property(fc.subarray([...names], { minLength: 1 }), chosen => {
        const edited = replace(
          ({ names: own }) => own.some(n => chosen.includes(n)),
          old => mul(old, one),
        )(model)
        expect(edited).not.toBe(model)
        expect(valuesOf(edited)).toEqual(valuesOf(model))
        expect(labels(edited)).toEqual(names)
      }),
    )
  })
  it('puts a scalar constant in the place of any shape', () => {
    const model = gated()
    const open = pipe(model, replace('gate', constant(1)))
    expect(tap(open, 'fusion.gate')).toMatchObject({ role: 'constant', value: 1, shape: ['n', 4] })
    const x = [0.5, -1, 2, 0]
    expect(valuesOf(open, { x })).toEqual(valuesOf(exp(input('x', ['n', 4])), { x }))
    expect(parameters(open)).toEqual([])
    expect(parameters(model)).toHaveLength(2)
  })
  it('fits a constant to the kind, or refuses it', () => {
    const truth = named('mask')(toTruth(input('x', [2])))
    expect(replace('mask', constant(0))(truth)).toMatchObject({ kind: 'truth', value: 0 })
    expect(() => replace('mask', constant(2))(truth)).toThrow(ShapeError)
  })
  it('refuses another shape and another kind, with both places', () => {
    const model = gated()
    expect(() => replace('gate', input('other', [3]))(model)).toThrow(ShapeError)
    expect(() => replace('gate', input('other', [3]))(model)).toThrow(
      /^replace: the old value is \['n', 4\], its replacement \[3\]\n {2}\['n', 4\] from sigmoid \(fusion, .*\n {2}\[3\] from input 'other'/,
    )
    expect(() => replace('gate', old => toTruth(old))(model)).toThrow('the old value is floats, its replacement truths')
  })
  it('says so when nothing is selected', () => {
    expect(() => replace('gaet', constant(1))(gated())).toThrow(
      "replace: no value is called 'gaet'; the nearest of 6 names: fusion.gate",
    )
    expect(() => replace(() => false, constant(1))(gated())).toThrow('none of the')
  })
  it('leaves the original alone and shares what is not touched', () => {
    const model = tower(3)
    const before = topological([model])
    const edited = replace('layers.2.mlp.act', old => mul(old, old))(model)
    expect(topological([model])).toEqual(before)
    expect(tap(edited, 'encoder.layers.1')).toBe(tap(model, 'encoder.layers.1'))
    expect(tap(edited, 'encoder.layers.2')).not.toBe(tap(model, 'encoder.layers.2'))
  })
  it('replaces in every output of a record', () => {
    const model = gated()
    const outputs = { product: model, total: sum(-1)(model) }
    const open = replace('gate', constant(0))(outputs)
    expect(open.total.shape).toEqual(['n'])
    const x = [1, 2, 3, 4]
    const { product, total } = valuesOf(open, { x })
    expect([...product.data]).toEqual([0, 0, 0, 0])
    expect([...total.data]).toEqual([0])
  })
  it('adds low-rank weights by the name of a parameter, named in their block. Hu et al., LoRA, 2021', () => {
    const model = tower(2)
    const isFc1 = /mlp\.fc1\.weight$/
    const adapted = replace(
      ({ names }) => names.some(n => isFc1.test(n)),
      w => {
        const [out, into] = w.shape as [number, number]
        const up = param('lora_b', [out, 2], { init: 'zeros' })
        const down = param('lora_a', [2, into])
        return add(w, einsum('o r, r i -> o i')(up, down))
      },
    )(model)
    const added = parameters(adapted).filter(p => p.name.includes('lora'))
    expect(added.map(p => p.name)).toEqual([
      'encoder.layers.0.mlp.fc1.lora_b',
      'encoder.layers.0.mlp.fc1.lora_a',
      'encoder.layers.1.mlp.fc1.lora_b',
      'encoder.layers.1.mlp.fc1.lora_a',
    ])
    expect(valuesOf(adapted)).toEqual(valuesOf(model))
  })
  it('sees the block of a value and the parameters it reads', () => {
    const seen: string[] = []
    replace(
      ({ block, parameters: read, node }) => {
        if (read.length > 0) seen.push(`${block}: ${read.join()}`)
        return node.role === 'input'
      },
      old => old,
    )(classifier())
    expect(seen).toEqual(['hidden: hidden.weight', 'hidden: hidden.bias', 'out: out.weight', 'out: out.bias'])
  })
  it('makes one replacement for all copies of a value', () => {
    const x = input('x', [3])
    const inner = scope('inner', (y: typeof x) => exp(y))
    const model = scope('outer', (y: typeof x) => inner(y))(x)
    const both = add(model, tap(model, 'outer'))
    const edited = replace('outer', old => mul(old, constant(2)))(both)
    expect(count(edited).flops).toBe(9)
  })
})
