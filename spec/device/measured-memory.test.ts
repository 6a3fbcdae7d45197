/**
 * The plan is what the device gives: weights after loading, with nothing left of what was only packed, and the peak of a run. Counted by
 * a second witness (meter.ts), to the byte.
 */
import { either as E } from 'fp-ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compile, input, openDevice, pipe, state, value, type CompileOptions, type Door, type Outputs } from 'sluice'
import { add, conv2d, einsum, gelu, layerNorm, linear, rearrange } from 'sluice/ops'
import type { Device } from '../../lib/device/device.ts'
import { meter, type Meter } from './meter.ts'

const opened = async <A>(door: Door<A>): Promise<A> => {
  const result = await door()
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}
let device: Device
let count: Meter
beforeAll(async () => {
  device = await opened(openDevice())
  count = meter(device.gpu)
})
afterAll(() => device.dispose())

const tokens = input('tokens', ['n', 64])
const hidden = pipe(tokens, layerNorm('norm'), linear('up', 512), gelu)
const block = add(tokens, linear('down', 64)(hidden))
const map = conv2d('patches', { out: 64, kernel: 4, stride: 4 })(input('picture', [3, 32, 32]))
const memory = state('memory', [64, 64])
const seen = pipe(map, rearrange('c h w -> (h w) c'), linear('see', 64))

const programs: Readonly<Record<string, readonly [Outputs, CompileOptions]>> = {
  'a block of a transformer': [{ block }, {}],
  'every value on the way as an output, one twice': [{ block, hidden, again: hidden }, {}],
  'two branches and a state': [{ block, seen }, { next: [[memory, einsum('n i, n o -> i o')(seen, seen)]] }],
  'weights in half precision': [{ block, seen }, { storage: 'f16' }],
}

describe('memory as planned', () => {
  it.each(Object.entries(programs))('%s', async (_, [outputs, options]) => {
    const before = count.held()
    const program = await opened(compile(outputs, { ...options, device }))
    const loaded = count.held()
    const n = 77
    const plan = await opened(async () => program.plan({ n }))
    const { weights, prepared, states, tables, work, images, transfer } = plan.memory
    expect(loaded - before).toBe(weights + prepared + states + tables)
    const feeds = {
      tokens: value([n, 64], new Float32Array(64 * n).fill(0.5)),
      ...('seen' in outputs ? { picture: value([3, 32, 32], new Float32Array(3072).fill(0.25)) } : {}),
    }
    // the second run finds what the first was given
    for (let i = 0; i < 2; i++) {
      await opened(program.run(feeds))
      expect(count.held() - loaded).toBe(work + images + transfer)
    }
    program.dispose()
    expect(count.held()).toBe(before)
  })
})
