/**
 * An op made outside the package, from what the package exports, goes through the kit as the library's own do: a composite that is
 * one meaning, and a primitive with reference, WGSL and gradient. And the kit finds what is wrong with a wrong one.
 */
import { either as E } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import {
  checkOp,
  constant,
  deviceError,
  evaluate,
  op,
  opOf,
  pointwise,
  seededDraw,
  several,
  showReport,
  wgsl,
  type CheckName,
  type Loose,
  type Rule,
  type Shape,
  type Value,
} from 'sluice'
import { add, mul, outer, scale, sigmoid, sum } from 'sluice/ops'
import { seed } from './draw.ts'

/** x · sigmoid(1.702 x), the activation of CLIP. Hendrycks & Gimpel 2016. */
const quickGelu = op('quickGelu', {
  rule: '...s -> ...s',
  meaning: x => mul(x, sigmoid(scale(1.702)(x))),
  laws: { 'is x less its mirror image': (f, x) => [f(x), add(x, f(scale(-1)(x)))] },
})

/** The square of x. */
const square = op('square', {
  rule: '...s -> ...s',
  ...pointwise(
    x => x * x,
    x => wgsl`(${x} * ${x})`,
  ),
  gradient: (dy, { inputs: [x] }) => [mul(dy, scale(2)(x!))],
})

const report = (f: unknown) => checkOp(opOf(f), { draw: seededDraw(seed) })

it.each([
  ['a composite', quickGelu],
  ['a primitive', square],
])('%s from outside passes', async (_, f) => {
  const { checked, ok } = await report(f)
  expect(checked.flatMap(c => c.wrong)).toEqual([])
  expect(ok).toBe(true)
  expect(checked.map(c => c.check)).toEqual(expect.arrayContaining(['shape', 'gradient', 'refusals', 'edges']))
})

it('says what it found, op by op', async () => {
  const text = showReport(await report(quickGelu))
  expect(text).toContain('quickGelu (...s -> ...s)')
  expect(text).toContain('ok     the gradient agrees with a difference quotient (10 instances')
  expect(text).toContain('ok     its laws hold')
})

it('does not blame the gradient for numbers where the reference has no value', async () => {
  const branch = {
    rule: '...s -> ...s',
    reference: ([x]: readonly Value[]) => x!.data.map(v => (v < 0 ? Number.NaN : v * v)),
    gradient: (dy: Loose, { inputs: [x] }: { readonly inputs: readonly Loose[] }) => [mul(dy, scale(2)(x!))],
  } as const
  const [everywhere, above0] = [op('branch', branch), op('branch', { ...branch, domain: () => [0.1, 2] })]
  const { checked } = await report(everywhere)
  const wrong = checked.flatMap(c => c.wrong)
  expect(wrong.length).toBeGreaterThan(0)
  for (const finding of wrong)
    expect(finding).toMatch(/the reference is NaN at drawn values: give the record a `domain`$/)
  expect((await report(above0)).checked.flatMap(c => c.wrong)).toEqual([])
})

it('says once what does not compile', async () => {
  const message = "kernel 'square' does not compile: line 3: unresolved value"
  const errors = [deviceError('shader', message), deviceError('shader', message)] as const
  const { checked } = await checkOp(opOf(square), {
    draw: seededDraw(seed),
    only: ['device'],
    run: () => async () => E.left(several(errors)),
  })
  expect(checked.flatMap(c => c.wrong)).toEqual([expect.stringMatching(/^square on .*unresolved value$/)])
})

it('asks for no size at which a device would have to hold products of all with all', async () => {
  const asked: number[] = []
  const sums = op('sumsOfAll', { rule: 'n -> n', meaning: x => sum(-1)(outer(x, x)) })
  const draw = seededDraw(seed)
  await checkOp(opOf(sums), {
    // a size of 1 may be there to repeat, so that no other is asked in its place
    draw: { ...draw, size: () => draw.int(2, 7) },
    instances: 1,
    only: ['device'],
    run: (outputs, feeds) => async () => {
      const values = evaluate(outputs, feeds)
      if (E.isRight(values)) asked.push(...Object.values(values.right).map(({ data }) => data.length))
      return values
    },
  })
  expect(Math.max(...asked)).toBe(577)
})

describe('what is wrong is found', () => {
  const times = {
    reference: pointwise(
      (a, b) => a! * b!,
      (a, b) => wgsl`(${a!} * ${b!})`,
    ).reference,
  }
  const pair = 'n, n -> n'
  const silent: Rule = {
    sentence: () => 'n, n -> n',
    infer: ([a = [], b = []]) => (a.length === 1 && a[0] === b[0] ? a : { why: 'these do not go together' }),
    sample: draw => {
      const n = draw.size()
      return [[n], [n]]
    },
  }
  const tripleSquare = op('tripleSquare', {
    rule: '...s -> ...s',
    reference: ([x]) => x!.data.map(v => 3 * v * v),
    gradient: dy => [dy],
  })
  const literalOnly: Rule = {
    sentence: () => 'n -> n',
    infer: ([x = []]) => (typeof x[0] === 'number' ? x : ([1] as Shape)),
    sample: draw => [[draw.int(2, 5)]],
  }
  it.each<[string, CheckName, unknown]>([
    [
      'a gradient with a wrong factor',
      'gradient',
      op('cube', {
        rule: '...s -> ...s',
        reference: ([x]) => x!.data.map(v => v ** 3),
        gradient: (dy, { inputs: [x] }) => [mul(dy, scale(2)(mul(x!, x!)))],
      }),
    ],
    [
      'a gradient for one input that goes to the other',
      'gradient',
      op('product', {
        rule: pair,
        kinds: 'float, float -> float',
        ...times,
        gradient: (dy, { inputs: [a, b] }) => [mul(dy, a!), mul(dy, b!)],
      }),
    ],
    [
      'a gradient that forgets an input',
      'gradient',
      op('product', {
        rule: pair,
        kinds: 'float, float -> float',
        ...times,
        gradient: (dy, { inputs: [, b] }) => [mul(dy, b!)],
      }),
    ],
    [
      'a gradient that is right and does not differentiate again',
      'gradient of gradient',
      op('cube', {
        rule: '...s -> ...s',
        reference: ([x]) => x!.data.map(v => v ** 3),
        gradient: (dy, { inputs: [x] }) => [mul(dy, tripleSquare(x!))],
      }),
    ],
    [
      'no gradient at all',
      'gradient',
      op('cube', { rule: '...s -> ...s', reference: ([x]) => x!.data.map(v => v ** 3) }),
    ],
    [
      'a rule that predicts another shape',
      'shape',
      op('pairs', {
        rule: 'n -> n',
        reference: ([x]) => [...x!.data, ...x!.data],
      }),
    ],
    ['a rule that fails for named sizes', 'shape', op('same', { rule: literalOnly, reference: ([x]) => x!.data })],
    ['a meaning of another shape', 'shape', op('first', { rule: 'n m -> n', meaning: x => x })],
    [
      'a reference that is not the meaning',
      'meaning',
      op('double', {
        rule: '...s -> ...s',
        meaning: x => add(x, x),
        reference: ([x]) => x!.data.map(v => 2 * v + 1e-6),
      }),
    ],
    [
      'a false law',
      'laws',
      op('next', {
        rule: '...s -> ...s',
        meaning: x => add(x, constant(1)),
        laws: { 'does nothing': (f, x) => [f(x!), x!] },
      }),
    ],
    [
      'a refusal that names neither axis nor sizes',
      'refusals',
      op('product', {
        rule: silent,
        kinds: 'float, float -> float',
        ...times,
      }),
    ],
    [
      'a rule that draws what it refuses',
      'sample',
      op('even', {
        rule: { ...silent, sample: () => [[2], [3]] },
        kinds: 'float, float -> float',
        ...times,
      }),
    ],
    [
      'a reference that cannot take an empty tensor',
      'edges',
      op('centred', {
        rule: 'n -> n',
        reference: ([x]) => {
          if (x!.data.length === 0) throw new RangeError('nothing to centre')
          return x!.data
        },
      }),
    ],
  ])('%s', async (_, check, f) => {
    const { checked } = await report(f)
    const wrong = checked.filter(c => c.wrong.length > 0).map(c => c.check)
    expect(wrong).toContain(check)
  })
})
