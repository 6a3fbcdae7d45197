/** What the host may cost: nothing that is made of one layer is made again for a layer that is equal to it. */
import { describe, expect, it } from 'vitest'
import { input, lower, op, repeat, wgsl, type Loose, type Lowered } from 'sluice'
import { add, linear, mul, softmax } from 'sluice/ops'
import { hostOverhead } from '../../bench/host-overhead.ts'
import { profiles } from './profiles.ts'

/** So many equal layers, of ops that count how often they are asked for their meaning, their form and their expression. */
const layersOf = (count: number, tuning: keyof typeof profiles) => {
  const asked = { meaning: 0, form: 0, value: 0 }
  const negated = op('negated', {
    rule: '...s -> ...s',
    form: () => {
      asked.form++
      return {
        form: 'each',
        value: (load, index) => {
          asked.value++
          return wgsl`-${load(0, index)}`
        },
      }
    },
  })
  const gated = op('gated', {
    rule: '...s -> ...s',
    meaning: x => {
      asked.meaning++
      return mul(softmax(negated(x)), x)
    },
  })
  const layer = (x: Loose): Loose => add(x, linear('fc', 1024)(gated(x)))
  const lowered = lower(repeat('layers', count, layer)(input('x', ['n', 1024])), { profile: profiles[tuning] })
  return { asked, lowered }
}

describe.each(['lavapipe', 'gpu'] as const)('equal layers, %s', tuning => {
  const [few, many] = [layersOf(3, tuning), layersOf(24, tuning)]
  it('are expanded and printed once', () => {
    expect(few.asked.meaning).toBe(1)
    expect(few.asked.form).toBe(1)
    expect(many.asked).toEqual(few.asked)
  })
  it('share their kernels', () => {
    const kernels = ({ prepare, passes }: Lowered): number => new Set([...prepare, ...passes].map(p => p.wgsl)).size
    expect(kernels(many.lowered)).toBe(kernels(few.lowered))
    expect(many.lowered.passes).toHaveLength(8 * few.lowered.passes.length)
  })
  it('read their own weights', () => {
    const { prepare, passes } = many.lowered
    const packedFrom = new Map(prepare.map(pass => [pass.write.buffer.id, pass.reads[0]!.buffer]))
    const read = passes.map(pass =>
      pass.reads.flatMap(({ buffer }) => {
        const { holds, label } = packedFrom.get(buffer.id) ?? buffer
        return holds.what === 'parameter' ? [label] : []
      }),
    )
    const layers = Array.from({ length: 24 }, (_, i) => [`layers.${i}.fc.bias`, `layers.${i}.fc.weight`])
    expect(read.filter(labels => labels.length > 0).map(labels => labels.toSorted())).toEqual(layers)
  })
  it('have their passes in their blocks', () => {
    expect(new Set(many.lowered.passes.map(pass => pass.path)).size).toBeGreaterThanOrEqual(24)
    expect(many.lowered.passes.every(pass => pass.path.startsWith('layers.'))).toBe(true)
  })
})

/** Seconds that the process has computed: unlike those of the clock, not those that it waited for others on the machine. */
const computed = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
describe.each(['lavapipe', 'gpu'] as const)('MG-LLaVA with Vicuna-7B, %s', tuning => {
  it(
    'is built, compiled and encoded in a fraction of what work that grows with the square of its size would take',
    { timeout: 120_000 },
    async () => {
      const before = computed()
      const { passes, kernels } = await hostOverhead(tuning)
      expect(passes).toBeGreaterThan(700)
      expect(kernels).toBeLessThan(passes / 5)
      expect(computed() - before).toBeLessThan(20)
    },
  )
})
