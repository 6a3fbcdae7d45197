/** Passes that few workgroups do and that do not wait for one another: one dispatch, the same numbers. */
import { either as E } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import { compile, evaluate, input, lower, pipe, state, value, type Loose, type Outputs } from 'sluice'
import { add, argsort, einsum, exp, layerNormalize, max, mul, rearrange, sin, sum, topKIndices } from 'sluice/ops'
import { differs, limits } from '../tolerances.ts'
import { profiles, refused } from './profiles.ts'

const labels = (outputs: Outputs): readonly string[] =>
  lower(outputs, { profile: profiles.lavapipe }).passes.map(p => p.label)
const a = input('a', [577, 2048])
const b = input('b', [577, 3072])
const columns: Outputs = {
  a: sum(0)(a),
  b: sum(0)(b),
  product: pipe(mul(a, a), sum(0)),
  normal: layerNormalize()(b),
}

describe('passes side by side', () => {
  it('sums of columns are one dispatch, a norm that follows among them', async () => {
    const lowered = lower(columns, { profile: profiles.lavapipe })
    expect(lowered.passes.map(p => p.label)).toEqual(['sum, sum, mul + sum, layerNormalize'])
    expect(await refused(lowered)).toEqual([])
  })
  it('what waits for another does not stand beside it', () => {
    const total = sum(0)(a)
    const later = pipe(add(a, total), exp, sum(1))
    expect(labels({ total, later })).toHaveLength(2)
  })
  it('a large result is not made before its turn', () => {
    const between = pipe(a, rearrange('m n -> n m'), exp)
    expect(labels({ first: sum(0)(a), between, last: layerNormalize()(b) })).toHaveLength(3)
  })
  it('a small result is', () => {
    const between = pipe(a, rearrange('m n -> n m'), exp)
    expect(labels({ first: sum(0)(a), between, last: max(0)(b) })[0]).toBe('sum, max')
  })
  it('little work keeps kernels of its own, which other passes share', () => {
    const [x, y] = [input('x', [64, 64]), input('y', [64, 64])]
    expect(labels({ x: sum(0)(x), y: sum(0)(y) })).toEqual(['sum', 'sum'])
  })
  it('a kernel whose functions read what it binds stays alone', async () => {
    const rows = (name: string) => input(name, [8, 65_536])
    const sorted = lower(
      {
        a: argsort(-1)(rows('a')),
        b: argsort(-1)(rows('b')),
        c: topKIndices(3)(rows('c')),
        d: topKIndices(3)(rows('d')),
      },
      { profile: profiles.gpu },
    )
    expect(sorted.passes.every(p => p.also === undefined)).toBe(true)
    expect(await refused(sorted)).toEqual([])
  })
  it('what is written over a state stays alone: a run may advance one without the other', () => {
    const [one, two] = ['one', 'two'].map(name => state(name, [260_000])) as [Loose, Loose]
    const next = [one, two].map(s => [s, exp(s)] as const)
    const { passes } = lower({ y: sum(0)(a) }, { profile: profiles.gpu, next })
    expect(passes.filter(p => p.write.buffer.holds.what === 'state').map(p => p.also)).toEqual([undefined, undefined])
  })
  it('the numbers are those of the reference', async () => {
    // of one sign: sums that cancel are not what is asked here
    const wave = (shape: readonly number[]) =>
      value(
        shape,
        Float32Array.from({ length: shape[0]! * shape[1]! }, (_, i) => 1 + Math.sin(i * 0.7)),
      )
    const feeds = { a: wave([577, 2048]), b: wave([577, 3072]) }
    const program = await compile(columns)()
    if (E.isLeft(program)) throw new Error(program.left.message)
    const got = await program.right.run(feeds)()
    const alone = await program.right.run(feeds, { only: ['b'] })()
    program.right.dispose()
    const wanted = evaluate(columns, feeds)
    if (E.isLeft(got)) throw new Error(got.left.message)
    if (E.isLeft(alone)) throw new Error(alone.left.message)
    if (E.isLeft(wanted)) throw new Error(wanted.left.message)
    for (const [name, value] of Object.entries(wanted.right))
      expect(differs(got.right[name]!, value, limits('accumulate', value)), name).toBeUndefined()
    expect(alone.right['b']?.data).toEqual(got.right['b']?.data)
  })
})

describe('short passes of a token on a GPU', () => {
  const x = input('x', ['n', 64])
  const gpu = (outputs: Outputs): readonly string[] =>
    lower(outputs, { profile: profiles.gpu }).passes.map(p => p.label)
  const meet = einsum('n d, m d -> n m')
  it('lie beside each other, but not beside one whose lanes share memory', async () => {
    expect(gpu({ y: meet(exp(x), sin(x)) })).toEqual(['exp, sin', 'einsum'])
    const wide = input('wide', ['n', 64, 64])
    const outputs = { y: meet(exp(x), sin(sum(2)(wide))) }
    expect(gpu(outputs)).toEqual(['exp', 'sum + sin', 'einsum'])
    expect(await refused(lower(outputs, { profile: profiles.gpu }))).toEqual([])
  })
  it('do not where a run may ask for one alone', () => {
    expect(gpu({ exp: exp(x), sin: sin(x) })).toEqual(['exp', 'sin'])
  })
})
