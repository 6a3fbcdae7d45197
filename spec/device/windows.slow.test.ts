/**
 * Windows that slide over one channel each, on the device: convolutions of named height and width, so that one kernel is held to the
 * reference at every size it may meet, images smaller than the window and a single column among them; and literal sizes, which load and
 * store vectors.
 */
import { either as E } from 'fp-ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  compile,
  evaluate,
  gradient,
  input,
  inputOf,
  loosely,
  lower,
  param,
  pipe,
  value,
  type Loose,
  type Outputs,
} from 'sluice'
import { add, convolve, gelu, mul, rearrange, sum } from 'sluice/ops'
import type { ConvolveOptions } from '../../ops/convolve.ts'
import { profiles } from '../compile/profiles.ts'
import { seed } from '../kit/draw.ts'
import { differs, limits } from '../tolerances.ts'

const wave = (shape: readonly number[]) =>
  value(
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 0.37 + shape.length)),
  )
const isWindow = (wgsl: string): boolean => wgsl.includes('let ahead')
const kernels = (outputs: Outputs, tuning: keyof typeof profiles = 'lavapipe'): readonly string[] =>
  lower(outputs, { profile: profiles[tuning] }).passes.map(p => p.wgsl)

interface Layer {
  readonly channels: number
  readonly window: readonly [number, number]
  readonly options: ConvolveOptions
  readonly last: boolean
}
const layer =
  ({ channels, window, options, last }: Layer) =>
  (x: Loose): Loose => {
    const convolved = (y: Loose): Loose =>
      add(
        loosely(convolve)({ ...options, groups: channels })(y, param('weight', [channels, 1, ...window])),
        rearrange('c -> c 1 1')(param('bias', [channels])),
      ) as Loose
    if (!last) return pipe(x, convolved, gelu) as Loose
    return pipe(
      x,
      rearrange('...s h w c -> ...s c h w'),
      y => convolved(y as Loose),
      rearrange('...s c h w -> ...s h w c'),
    ) as Loose
  }
const weightsOf = ({ channels, window }: Layer) =>
  new Map([
    ['weight', wave([channels, 1, ...window])],
    ['bias', wave([channels])],
  ])

const agree = async (outputs: Outputs, layers: Layer, shapes: readonly (readonly number[])[]): Promise<void> => {
  const weights = weightsOf(layers)
  const program = await compile(outputs, { weights })()
  if (E.isLeft(program)) throw new Error(program.left.message)
  for (const shape of shapes) {
    const feeds = { x: wave(shape) }
    const wanted = evaluate({ y: outputs as Loose }, feeds, { weights })
    const got = await program.right.run(feeds)()
    if (E.isLeft(wanted)) throw new Error(wanted.left.message)
    if (E.isLeft(got)) throw new Error(got.left.message)
    const difference = differs(Object.values(got.right)[0]!, wanted.right.y, limits('block', wanted.right.y))
    expect(difference, `at [${shape}], seed ${seed}`).toBeUndefined()
  }
  program.right.dispose()
}

const same = (side: number): ConvolveOptions => ({
  padding: [
    [side, side],
    [side, side],
  ],
})
const named: Readonly<Record<string, Layer>> = {
  'seven by seven': { channels: 8, window: [7, 7], options: same(3), last: false },
  'seven by seven, channels last': { channels: 8, window: [7, 7], options: same(3), last: true },
  'even, and more zeros on one side': {
    channels: 4,
    window: [4, 2],
    options: {
      padding: [
        [1, 3],
        [5, 0],
      ],
    },
    last: false,
  },
  'a row, channels last': {
    channels: 4,
    window: [1, 5],
    options: {
      padding: [
        [0, 0],
        [2, 2],
      ],
    },
    last: true,
  },
  'a column': {
    channels: 3,
    window: [3, 1],
    options: {
      padding: [
        [1, 1],
        [0, 0],
      ],
    },
    last: false,
  },
}
describe('named sizes', () => {
  for (const [name, made] of Object.entries(named)) {
    const { channels, last } = made
    const shapeOf = (h: number, w: number) => (last ? [2, h, w, channels] : [2, channels, h, w])
    const x = inputOf('x', last ? ['views', 'h', 'w', channels] : ['views', channels, 'h', 'w'])
    const y = layer(made)(x as Loose)
    it(`${name}: the walk is taken`, () => {
      expect(kernels(y).map(isWindow)).toEqual([true])
    })
    it(`${name}: agrees with the reference`, async () => {
      const edges = [
        [1, 1],
        [1, 9],
        [9, 1],
        [2, 3],
        [40, 5],
      ] as const
      const side = fc.integer({ min: 1, max: 30 })
      const drawn = fc.sample(fc.tuple(side, side), { seed, numRuns: 6 })
      await agree(
        y,
        made,
        [...edges, ...drawn].map(([h, w]) => shapeOf(h, w)),
      )
    })
  }
})

describe('literal sizes', () => {
  const literal: Readonly<Record<string, Layer & { readonly shape: readonly number[] }>> = {
    'rows of whole vectors': { channels: 192, window: [7, 7], options: same(3), last: false, shape: [192, 36, 40] },
    'rows that end within a vector': {
      channels: 128,
      window: [7, 7],
      options: same(3),
      last: false,
      shape: [128, 41, 57],
    },
    'channels last': { channels: 192, window: [7, 7], options: same(3), last: true, shape: [35, 41, 192] },
    'a single column': { channels: 16384, window: [7, 7], options: same(3), last: false, shape: [16384, 61, 1] },
    'smaller than the window, channels last': {
      channels: 32768,
      window: [7, 7],
      options: same(3),
      last: true,
      shape: [5, 3, 32768],
    },
    'no zeros around': { channels: 160, window: [5, 5], options: {}, last: false, shape: [160, 64, 64] },
  }
  for (const [name, { shape, ...made }] of Object.entries(literal))
    it(name, async () => {
      const y = layer(made)(inputOf('x', shape) as Loose)
      expect(kernels(y).map(isWindow)).toEqual([true])
      await agree(y, made, [shape])
    })
})

describe('which contractions', () => {
  const x = input('x', [64, 'h', 'w']) as Loose
  const weight = param('weight', [64, 1, 7, 7]) as Loose
  const walks = (options: ConvolveOptions): readonly boolean[] =>
    kernels(loosely(convolve)({ groups: 64, ...options })(x, weight)).map(isWindow)
  it('not those whose positions or taps stand apart', () => {
    expect(walks({ stride: [2, 2] })).toEqual([false])
    expect(walks({ dilation: [2, 1] })).toEqual([false])
  })
  it('the gradient of one, whose window is turned round', async () => {
    const x = input('x', [8, 'h', 'w'])
    const convolved = loosely(convolve)({ groups: 8, ...same(3) })(x, param('weight', [8, 1, 7, 7]))
    const [dx] = gradient(sum(0, 1, 2)(mul(convolved, convolved)) as never, [x]) as [Loose]
    expect(kernels(dx).map(isWindow)).toEqual([true, true])
    await agree(dx, { channels: 8, window: [7, 7], options: {}, last: false }, [
      [8, 9, 13],
      [8, 2, 1],
      [8, 20, 7],
    ])
  })
})
