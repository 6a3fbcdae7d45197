/** What is larger than a binding is cut into passes that bind slices of it, and WGSL's checker takes them. */
import { either as E } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import { inputOf, lower, type DeviceProfile, type Loose, type Lowered, type Pass } from 'sluice'
import { add, conv2d, exp, gelu, linear, rearrange, softmax } from 'sluice/ops'
import { memoryPlanner } from '../../lib/compile/memory.ts'
import { countedFrom, spanOf } from '../../lib/compile/slices.ts'
import { axis, literal, minus, modulo, over, plus, times } from '../../lib/form/index.ts'
import { convNextBlock } from '../../models/convnext.ts'
import { profiles, refused } from './profiles.ts'

const maxBinding = 65536
const x = inputOf('x', [256, 32, 8]) as Loose
const lowered = (y: Loose, profile: DeviceProfile): Lowered => lower({ y }, { profile: { ...profile, maxBinding } })
const bound = ({ passes }: Lowered): readonly (readonly (readonly [first: number, count: number])[])[] =>
  passes.map(({ reads, write }: Pass) =>
    [...reads, write].map(({ slice }) => [Number(slice?.first ?? 0), Number(slice?.count ?? 0)] as const),
  )

describe('parts', () => {
  it('of elements are equal kernels on slices that lie side by side', () => {
    const program = lowered(exp(x), profiles.gpu)
    const quarters = [0, 1, 2, 3].map(k => [16384 * k, 16384] as const)
    expect(bound(program)).toEqual(quarters.map(slice => [slice, slice]))
    expect(new Set(program.passes.map(pass => pass.wgsl)).size).toBe(1)
    expect(program.passes.map(pass => pass.flops)).toEqual([16384, 16384, 16384, 16384])
  })
  it('of rows are equal kernels too', () =>
    expect(new Set(lowered(softmax(x), profiles.gpu).passes.map(pass => pass.wgsl)).size).toBe(1))
  it('of a convolution have the rows of their neighbours with them', () => {
    const map = rearrange('h w c -> c h w')(x) as Loose
    const spread = conv2d('spread', { out: 8, kernel: 3, padding: 'same', groups: 8 })(map as never) as Loose
    const slices = bound(lowered(rearrange('c h w -> h w c')(spread) as Loose, profiles.gpu))
    const read = slices.map(operands => operands.slice(0, -1).find(([, count]) => count > 0)!)
    for (const [k, [first, count]] of read.slice(0, -1).entries())
      expect(first + count).toBeGreaterThan(read[k + 1]![0])
    for (const [, count] of read) expect(4 * count).toBeLessThanOrEqual(maxBinding)
    expect(slices.length).toBeGreaterThan(4)
  })
  it.each(Object.entries(profiles))('bind the hidden maps of ConvNeXt at 1024 pixels, %s', (_, profile) => {
    const map = convNextBlock(192)(inputOf('map', [192, 256, 256]))
    const program = lower({ map }, { profile })
    expect(E.isRight(memoryPlanner(program, profile).plan({}))).toBe(true)
    const hidden = program.passes.filter(pass => pass.write.buffer.elements === 4 * 192 * 256 * 256)
    expect(hidden.map(pass => Number(pass.write.slice?.count) * 4)).toEqual([100663296, 100663296])
  })
  it.each(Object.entries(profiles))('are valid WGSL, %s', async (_, profile) => {
    const hidden = gelu(linear('up', 32)(x))
    const program = lowered(add(x, linear('down', 8)(hidden)) as Loose, profile)
    expect(program.passes.length).toBeGreaterThan(2)
    expect(await refused(program)).toEqual([])
  })
})

describe('what an index can be', () => {
  const i = axis('i', 100)
  it('follows from its axes', () => {
    expect(spanOf(minus(plus(times(i, 3), axis('u', 7)), 3))).toEqual({ low: -3, high: 300 })
    expect(spanOf(over(plus(i, 250), 100))).toEqual({ low: 2, high: 3 })
    expect(spanOf(modulo(plus(axis('j', 50), 250), 100))).toEqual({ low: 50, high: 99 })
    expect(spanOf(modulo(plus(i, 250), 100))).toEqual({ low: 0, high: 99 })
  })
  it('is unknown where it is data, or a size has a name', () => {
    expect(spanOf(plus(i, axis('n', 'n')))).toBeUndefined()
    expect(spanOf({ e: 'load', of: x as never, index: [literal(0, 'index')] })).toBeUndefined()
  })
  it('is counted from elsewhere without a trace of the constants', () =>
    expect(countedFrom(plus(times(plus(i, 64), 8), axis('c', 8)), 512)).toEqual(plus(times(i, 8), axis('c', 8))))
})
