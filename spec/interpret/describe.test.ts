import { describe as group, expect, it } from 'vitest'
import {
  describe,
  indexInput,
  input,
  inputOf,
  named,
  param,
  pipe,
  repeat,
  scope,
  type Shape,
  type Tensor,
} from '../../lib/index.ts'
import { add, einsum, exp, mul, sum } from '../../ops/index.ts'
import { embedding, linear } from '../../ops/layers/index.ts'
import { classifier, tower } from './small-models.ts'

const text = (s: string): string => `\n${s}\n`

group('describe', () => {
  it('shows a small model whole', () => {
    expect(text(describe(classifier()))).toMatchInlineSnapshot(`
      "
                  shape       parameters               elements            FLOP
      model       [batch, 3]                                 43  111·batch FLOP
      ├─ x        [batch, 6]  input
      ├─ hidden   [batch, 4]  weight [4, 6], bias [4]        28   52·batch FLOP
      ├─ gelu     [batch, 4]                                      20·batch FLOP
      ├─ out      [batch, 3]  weight [3, 4], bias [3]        15   27·batch FLOP
      └─ softmax  [batch, 3]                                      12·batch FLOP
      "
    `)
  })
  it('folds equal neighbours', () => {
    expect(text(describe(tower(23)))).toMatchInlineSnapshot(`
      "
                                        shape      parameters               elements                FLOP
      model                             [text, 2]                            2.151 k   5.036 k·text FLOP
      ├─ tokens                         [text, 5]  input
      ├─ encoder                        [text, 5]                            2.139 k   5.014 k·text FLOP
      │  └─ layers.0 … layers.22: 23 x  [text, 5]                            23 x 93  23 x 218·text FLOP
      │     ├─ mlp                      [text, 5]                                 93       213·text FLOP
      │     │  ├─ fc1                   [text, 8]  weight [8, 5], bias [8]        48        88·text FLOP
      │     │  ├─ gelu                  [text, 8]                                           40·text FLOP
      │     │  └─ fc2                   [text, 5]  weight [5, 8], bias [5]        45        85·text FLOP
      │     └─ add                      [text, 5]                                            5·text FLOP
      └─ head                           [text, 2]  weight [2, 5], bias [2]        12        22·text FLOP
      "
    `)
  })
  it('stops at a depth and binds sizes', () => {
    expect(text(describe(tower(2), { depth: 1, sizes: { text: 700 } }))).toMatchInlineSnapshot(`
      "
                  shape     parameters               elements         FLOP
      model       [700, 2]                                198  320.6 kFLOP
      ├─ tokens   [700, 5]  input
      ├─ encoder  [700, 5]                                186  305.2 kFLOP
      └─ head     [700, 2]  weight [2, 5], bias [2]        12   15.4 kFLOP
      "
    `)
  })
  it('keeps blocks apart that differ, or whose names differ by more than a number', () => {
    const wider = repeat('layers', 3, (x: ReturnType<typeof tower>, i) =>
      scope('mlp', (y: typeof x) => pipe(y, linear('up', i === 2 ? 4 : 3), linear('down', 2)))(x),
    )
    const twins = (x: ReturnType<typeof tower>) => pipe(x, linear('q', 2), linear('k', 2))
    const drawn = describe(pipe(tower(1), wider, scope('twins', twins)))
    expect(drawn).toContain('layers.0.mlp … layers.1.mlp: 2 x')
    expect(drawn).toMatch(/─ layers\.2\.mlp /)
    expect(drawn).toMatch(/─ q .*\n.*─ k /)
  })
  it('shows records, inputs of indices, and weights of another block', () => {
    const ids = indexInput('ids', ['text'])
    const rows = embedding('embed', 11, 4)(ids)
    const table = scope('embed', () => param('weight', [11, 4], { init: 'normal', std: 1 }))()
    const both = scope('both', (x: typeof rows) => ({ doubled: add(x, x), squared: mul(x, x) }))(rows)
    const head = scope('head', (x: typeof rows) => einsum('...s i, o i -> ...s o')(x, table))
    const described = describe({ logits: head(both.doubled), total: sum(-1)(both.squared) })
    expect(text(described)).toMatchInlineSnapshot(`
      "
                shape                                     parameters        elements           FLOP
      model     { logits [text, 11], total [text] }                               44  100·text FLOP
      ├─ ids    [text]                                    input of indices
      ├─ embed  [text, 4]                                 weight [11, 4]          44
      ├─ head   [text, 11]                                = embed.weight               88·text FLOP
      ├─ both   { doubled [text, 4], squared [text, 4] }                                8·text FLOP
      └─ sum    [text]                                                                  4·text FLOP
      "
    `)
  })
  it('puts a block where it ends, with what it returned last', () => {
    type Rows = Tensor<[2, 3]>
    const shared = scope('shared', (x: Rows) => pipe(x, linear('in', 3)))
    const between = scope('between', (x: Rows) => exp(x))
    const lines = describe(pipe(input('x', [2, 3]), shared, between, shared))
      .split('\n')
      .slice(2)
    expect(lines.map(line => /\w+/.exec(line)?.[0])).toEqual(['x', 'between', 'shared'])
    const each = scope('each', <S extends Shape>(x: Tensor<S>) => exp(x))
    const twice = { one: each(input('a', [4])), two: each(input('b', [4, 5])) }
    expect(describe(twice, { depth: 1 })).toMatch(/each +\[4, 5\]/)
  })
  it('does not take a value that is named in a block for what it returned', () => {
    const pair = scope('pair', (x: Tensor<['n']>) => [named('half')(exp(x)), exp(named('rest')(exp(x)))] as const)
    const [half, rest] = pair(input('x', ['n']))
    expect(describe(add(half, rest))).toMatch(/pair +\{ half \[n\] \}/)
  })
  it('shows the three largest terms of what is counted', () => {
    const lengths = ['a', 'b', 'c', 'd'] as const
    const parts = lengths.map((name, k) => exp(inputOf(name, [name, k + 1])))
    const described = describe({ a: parts[0]!, b: parts[1]!, c: parts[2]!, d: parts[3]! })
    expect(described.split('\n')[1]).toMatch(/ 2·b \+ 3·c \+ 4·d \+ … FLOP$/)
  })
  it('shortens a long row of ops without blocks', () => {
    const long = Array.from({ length: 200 }).reduce<ReturnType<typeof exp>>(
      x => exp(x) as never,
      exp(input('x', [2])) as never,
    )
    expect(describe(long).split('\n').length).toBeLessThan(30)
    expect(describe(long)).toContain('exp, exp, exp, … 174 more, exp')
  })
  it('fits a deep model on a page unless told otherwise', () => {
    const wide = Array.from({ length: 30 }, (_, k) => k).reduce(
      (x, k) =>
        scope(`part${'abcdefghijklmnopqrstuvwxyzäöüß'[k]}`, (y: typeof x) =>
          pipe(y, linear('a', 2), linear('b', 2), linear('c', 2)),
        )(x),
      tower(1),
    )
    expect(describe(wide).split('\n').length).toBeLessThan(100)
    expect(describe(wide, { depth: 3 }).split('\n').length).toBeGreaterThan(100)
  })
})
