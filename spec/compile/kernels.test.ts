/** Generated WGSL is reviewed code: what each form and some fused programs become, and that every device's text is valid. */
import { describe, expect, it } from 'vitest'
import { input, param, pipe, type Outputs } from 'sluice'
import { add, einsum, exp, gelu, layerNorm, linear, rearrange, scale, softmax, sum, take } from 'sluice/ops'
import { indexInput } from '../../lib/graph/index.ts'
import { lower } from '../../lib/compile/lower.ts'
import { profiles, refused } from './profiles.ts'

const kernels = (outputs: Outputs, tuning: keyof typeof profiles = 'lavapipe'): string =>
  lower(outputs, { profile: profiles[tuning] })
    .passes.map(p => `// ${p.label}: [${p.grid.join(', ')}]\n${p.wgsl}`)
    .join('\n')

const x = input('x', ['n', 64])
const programs: Readonly<Record<string, Outputs>> = {
  elementwise: pipe(x, exp, scale(2)),
  movement: pipe(input('x', [6, 10]), exp, rearrange('a b -> b a')),
  'a bias along the last axis': add(x, param('bias', [64])),
  gather: take(0)(param('table', [100, 64]), indexInput('ids', ['n'])),
  'a sum of rows': sum(-1)(x),
  'a sum of columns': sum(0)(input('x', [577, 64])),
  softmax: softmax(x),
  'layer norm': pipe(x, layerNorm('norm')),
  'a linear layer with its activation': pipe(x, linear('fc', 128), gelu),
  'an odd product': einsum('m k, k n -> m n')(input('a', [5, 7]), input('b', [7, 3])),
  'a batched product along keys': einsum('h i d, h j d -> h i j')(input('q', [4, 'n', 16]), input('k', [4, 'm', 16])),
  'a product large enough for panels': pipe(input('x', ['n', 1024]), linear('fc', 1000)),
}

describe('kernels are valid WGSL on every kind of device', () => {
  for (const [name, outputs] of Object.entries(programs))
    for (const tuning of Object.keys(profiles) as (keyof typeof profiles)[])
      it(`${name}, ${tuning}`, async () => {
        expect(await refused(lower(outputs, { profile: profiles[tuning] }))).toEqual([])
      })
})

describe('fusion', () => {
  const labels = (outputs: Outputs): readonly string[] =>
    lower(outputs, { profile: profiles.lavapipe }).passes.map(p => p.label)
  it('a linear layer with its activation is one kernel', () => {
    expect(labels(programs['a linear layer with its activation'] as Outputs)).toEqual(['einsum + add + gelu'])
  })
  it('a residual joins the product it follows', () => {
    const block = add(x, pipe(x, layerNorm('norm'), linear('fc1', 128), gelu, linear('fc2', 64)))
    expect(labels(block)).toEqual(['layerNormalize', 'einsum + add + gelu', 'einsum + add'])
  })
  it('equal blocks share their kernels', () => {
    const block = (name: string) => (y: typeof x) =>
      add(y, pipe(y, layerNorm(`${name}.norm`), linear(`${name}.fc1`, 128), gelu, linear(`${name}.fc2`, 64)))
    const { passes } = lower(pipe(x, block('0'), block('1'), block('2')), { profile: profiles.lavapipe })
    expect(passes).toHaveLength(9)
    expect(new Set(passes.map(p => p.wgsl)).size).toBe(3)
  })
  it('small passes that differ in their sizes alone share one kernel', () => {
    const { passes } = lower(pipe(input('x', [9, 24]), linear('a', 40), gelu, linear('b', 56), gelu), {
      profile: profiles.lavapipe,
    })
    expect(new Set(passes.map(p => p.wgsl)).size).toBe(1)
    expect(passes.map(p => p.sizes)).not.toEqual([passes[0]?.sizes, passes[0]?.sizes])
  })
  it('large passes keep their sizes as constants', () => {
    const { passes } = lower(pipe(input('x', [577, 1024]), linear('a', 4096), gelu, linear('b', 1024), gelu), {
      profile: profiles.lavapipe,
    })
    expect(passes.map(p => p.sizes)).toEqual([[], []])
  })
  it('weights are packed once, before the first run', () => {
    const { prepare, passes } = lower(programs['a product large enough for panels'] as Outputs, {
      profile: profiles.lavapipe,
    })
    expect(prepare.map(p => p.label)).toEqual(['packPanels'])
    expect(passes.map(p => p.label)).toEqual(['einsum + add'])
  })
  it('a buffer above the binding limit is bound in windows', () => {
    const { passes } = lower(programs['gather'] as Outputs, { profile: { ...profiles.lavapipe, maxBinding: 10240 } })
    expect(passes[0]?.reads.map(r => r.slice)).toEqual([
      { first: 0, count: 2560 },
      { first: 2560, count: 2560 },
      { first: 5120, count: 1280 },
      undefined,
    ])
  })
  it('an elementwise value that two passes read is computed once', () => {
    const shared = pipe(x, gelu)
    expect(labels({ a: sum(-1)(shared), b: pipe(shared, linear('fc', 8)) })).toHaveLength(3)
  })
})

describe('the text of kernels', () => {
  for (const [name, outputs] of Object.entries(programs))
    it(name, () => {
      expect(kernels(outputs)).toMatchSnapshot()
    })
  for (const name of ['softmax', 'a product large enough for panels'])
    it(`${name} on a GPU`, () => {
      expect(kernels(programs[name] as Outputs, 'gpu')).toMatchSnapshot()
    })
})
