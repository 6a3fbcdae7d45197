/** Gradients of small windows that slide over one channel each, by the schedule that is for them: in whole and in parts, on any map. */
import { either as E } from 'fp-ts'
import { expect, it } from 'vitest'
import { compile, evaluate, gradient, inputOf, lower, openDevice, value, type AnyTensor, type Loose } from 'sluice'
import { convolve, mul, rearrange, sum } from 'sluice/ops'
import { differs, limits } from '../tolerances.ts'
import { profiles, refused } from './profiles.ts'

const choose = (_: string, fitting: readonly string[]) => fitting.find(name => name.startsWith('taps'))
interface Case {
  readonly pictures: number
  readonly channels: number
  readonly map: readonly [number, number]
  readonly window: readonly [number, number]
  readonly padding: number
  readonly last?: true
}
const cases: readonly (readonly [string, Case, readonly string[]])[] = [
  ['in parts', { pictures: 6, channels: 3, map: [5, 8], window: [3, 3], padding: 1 }, ['sumParts', 'convolve']],
  ['a row that is no multiple of four', { pictures: 4, channels: 2, map: [4, 6], window: [3, 5], padding: 2 }, []],
  ['an odd row', { pictures: 2, channels: 5, map: [6, 7], window: [5, 3], padding: 0 }, []],
  ['a window of one axis', { pictures: 3, channels: 4, map: [5, 9], window: [1, 3], padding: 1 }, []],
  ['channels last', { pictures: 2, channels: 8, map: [4, 4], window: [3, 3], padding: 1, last: true }, []],
  ['many channels', { pictures: 2, channels: 130, map: [3, 4], window: [3, 3], padding: 1 }, ['convolve']],
]
const shapes = ({ pictures: s, channels: c, map: [h, w], window: [p, q], padding, last }: Case) => ({
  image: last ? [s, h, w, c] : [s, c, h, w],
  window: [c, 1, p, q],
  factors: [s, c, h + 2 * padding - p + 1, w + 2 * padding - q + 1],
})
const gradientOf = (one: Case): AnyTensor => {
  const [image, window, factors] = Object.entries(shapes(one)).map(
    ([name, shape]) => inputOf(name, shape) as Loose,
  ) as [Loose, Loose, Loose]
  const map = (one.last ? rearrange('s h w c -> s c h w')(image as never) : image) as never
  const padding = [
    [one.padding, one.padding],
    [one.padding, one.padding],
  ] as const
  const y = mul(convolve({ groups: one.channels, padding })(map, window as never) as never, factors as never) as Loose
  const loss = [0, 1, 2, 3].reduce<Loose>(x => sum(0)(x as never) as Loose, y)
  return gradient(loss as never, [window])[0] as AnyTensor
}

it.each(cases)('%s', async (_, one, labels) => {
  const device = await openDevice({ profile: { choose } })()
  if (E.isLeft(device)) throw new Error(device.left.message)
  const y = gradientOf(one)
  const { window: __, ...read } = shapes(one)
  const feeds = Object.fromEntries(
    Object.entries(read).map(([name, shape]) => {
      const count = shape.reduce((n, d) => n * d, 1)
      return [
        name,
        value(
          shape,
          Float32Array.from({ length: count }, (_, i) => 1 + Math.sin(i * 0.7)),
        ),
      ]
    }),
  )
  const program = await compile({ y }, { device: device.right })()
  if (E.isLeft(program)) throw new Error(program.left.message)
  const made = program.right.lowered.passes.map(p => p.label.split(' + ').at(-1))
  for (const label of labels) expect(made).toContain(label)
  if (labels.length > 0) expect(made).toHaveLength(labels.length)
  const got = await program.right.run(feeds)()
  device.right.dispose()
  const wanted = evaluate({ y }, feeds)
  if (E.isLeft(got)) throw new Error(got.left.message)
  if (E.isLeft(wanted)) throw new Error(wanted.left.message)
  expect(differs(got.right.y!, wanted.right.y!, limits('accumulate', wanted.right.y!))).toBeUndefined()
})
it.each(Object.entries(profiles))('is valid WGSL, %s', async (_, profile) => {
  for (const [, one] of cases)
    expect(await refused(lower({ y: gradientOf(one) }, { profile: { ...profile, choose } }))).toEqual([])
})
