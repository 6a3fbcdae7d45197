import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { count, formatCount, input, inputOf, named, param, pipe, size } from '../../lib/index.ts'
import { add, einsum, exp, mul, rearrange, softmax } from '../../ops/index.ts'
import { linear } from '../../ops/layers/index.ts'
import { classifier, tower } from './small-models.ts'

const sizes = fc.integer({ min: 1, max: 50 })

describe('count', () => {
  it('counts two FLOP for every product of a contraction', () => {
    fc.assert(
      fc.property(sizes, sizes, sizes, (m, n, k) => {
        const y = einsum('m k, k n -> m n')(inputOf('a', [m, k]), inputOf('b', [k, n]))
        const { flops, bytes } = count(y)
        expect(flops).toBe(2 * m * n * k)
        expect(bytes).toBe(4 * (m * k + k * n + m * n))
      }),
    )
  })
  it('counts the same with sizes bound first or last', () => {
    fc.assert(
      fc.property(sizes, sizes, (batch, text) => {
        const model = pipe(input('x', ['batch', 'text', 6]), linear('fc', 4), softmax)
        const bound = count(model, { sizes: { batch, text } })
        const later = size.evalDim(count(model).flops, { batch, text })
        const literal = count(pipe(inputOf('x', [batch, text, 6]), linear('fc', 4), softmax))
        expect(bound.flops).toBe(later)
        expect(bound).toEqual(literal)
      }),
    )
  })
  it('keeps the names that are not given', () => {
    const x = input('x', ['batch', 'text', 3])
    expect(count(exp(x)).flops).toBe('3*batch*text')
    expect(count(exp(x), { sizes: { batch: 2 } }).flops).toBe('6*text')
    expect(count(exp(x), { sizes: { batch: 2 } }).peakBytes).toBeUndefined()
  })
  it('binds sizes inside a quotient that is not a polynomial', () => {
    const x = rearrange('(a b) -> a b', { b: 2 })(input('x', ['n']))
    expect(count(exp(x)).flops).toBe('2*div(n,2)')
    expect(count(exp(x), { sizes: { n: 10 } }).flops).toBe(10)
  })
  it('counts a composite by its meaning, and not what made its inputs', () => {
    const x = einsum('m k, k n -> m n')(inputOf('a', [3, 100]), inputOf('b', [100, 5]))
    const alone = count(softmax(inputOf('x', [3, 5])))
    expect(count(softmax(x)).flops).toBe(Number(alone.flops) + 2 * 3 * 100 * 5)
  })
  it('counts a value once that is also used under another name', () => {
    const x = exp(input('x', [7]))
    expect(count(add(x, named('same')(x))).flops).toBe(14)
    expect(count(add(named('one')(x), named('two')(x))).flops).toBe(14)
  })
  it('counts a shared parameter once', () => {
    const w = () => param('w', [4, 4])
    const y = mul(w(), w())
    expect(count(y)).toMatchObject({ parameters: 16, parameterBytes: 64 })
    expect(count(y, { elementBytes: 2 }).parameterBytes).toBe(32)
  })
  it('adds up: a block is its own ops and its blocks', () => {
    const { blocks, flops } = count(tower(3), { sizes: { text: 10 } })
    expect(blocks.map(b => b.path)).toEqual(['encoder', 'head'])
    expect(blocks.reduce((sum, b) => sum + Number(b.flops), 0)).toBe(flops)
    expect(blocks[0]?.blocks.map(b => b.name)).toEqual(['layers.0', 'layers.1', 'layers.2'])
    expect(count(tower(3), { depth: 1 }).blocks[0]?.blocks).toEqual([])
  })
  it('says how much is alive at once', () => {
    const x = inputOf('x', [100])
    // an op's input and output
    expect(count(exp(exp(exp(x)))).peakBytes).toBe(800)
    // x, two exponentials of it, and their sum
    expect(count(add(exp(x), exp(exp(x)))).peakBytes).toBe(1200)
  })
  it('is quick on a deep model', () => {
    const model = tower(500)
    const start = performance.now()
    count(model)
    expect(performance.now() - start).toBeLessThan(5000)
  })
  it('prints a table, equal blocks once', () => {
    expect(`\n${formatCount(count(tower(12), { sizes: { text: 1000 } }))}\n`).toMatchInlineSnapshot(`
      "
                                                  FLOP          moved  parameters  their bytes
      model                                2.638 MFLOP       4.033 MB     1.128 k     4.512 kB
      ├─ encoder                           2.616 MFLOP       3.988 MB     1.116 k     4.464 kB
      │  └─ layers.0 … layers.11: 12 x  12 x 218 kFLOP  12 x 332.4 kB     12 x 93   12 x 372 B
      │     └─ mlp                           213 kFLOP       272.4 kB          93        372 B
      │        ├─ fc1                         88 kFLOP       116.2 kB          48        192 B
      │        └─ fc2                         85 kFLOP       92.18 kB          45        180 B
      └─ head                                 22 kFLOP       44.05 kB          12         48 B
      peak memory of values, op by op: 84 kB
      "
    `)
    expect(`\n${formatCount(count(classifier()))}\n`).toMatchInlineSnapshot(`
      "
                           FLOP              moved  parameters  their bytes
      model      111·batch FLOP  172 + 180·batch B          43        172 B
      ├─ hidden   52·batch FLOP   112 + 72·batch B          28        112 B
      └─ out      27·batch FLOP    60 + 52·batch B          15         60 B
      "
    `)
  })
})
