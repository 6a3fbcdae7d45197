/** How many kernels models need: a driver may take seconds for one, so the number is a figure that is kept small. */
import { expect, it } from 'vitest'
import { input, lower, type Lowered, type Outputs } from 'sluice'
import { clip, clipL336, concatBoxes, convGate, mgLlava, separate } from 'sluice/models'
import { profiles, refused } from './profiles.ts'

const kernels = ({ prepare, passes }: Lowered): number => new Set([...prepare, ...passes].map(p => p.wgsl)).size
const lowered = (outputs: Outputs, tuning: keyof typeof profiles): Lowered =>
  lower(outputs, { profile: profiles[tuning] })

const tiny = mgLlava({
  lowSize: 56,
  imageSize: 128,
  clip: { width: 40, heads: 4, headWidth: 10, mlpWidth: 88, layers: 3, select: -2, patch: 14, eps: 1e-5 },
  convNext: { depths: [1, 1, 2, 1], widths: [12, 16, 24, 32] },
  fusion: convGate,
  boxes: concatBoxes,
  llm: {
    width: 48,
    layers: 2,
    heads: 6,
    keyHeads: 6,
    headWidth: 8,
    mlpWidth: 110,
    vocabulary: 410,
    theta: 1e4,
    eps: 1e-5,
    projections: separate,
  },
})

for (const tuning of ['lavapipe', 'swiftshader', 'gpu'] as const) {
  it(`the full CLIP tower needs at most 15 kernels, ${tuning}`, () => {
    expect(kernels(lowered(clip(clipL336)(input('image', [3, 336, 336])), tuning))).toBeLessThanOrEqual(15)
  })
  it(`a whole tiny MG-LLaVA needs at most 60 kernels, all of them valid, ${tuning}`, async () => {
    const program = lowered(tiny, tuning)
    expect(kernels(program)).toBeLessThanOrEqual(60)
    expect(await refused(program)).toEqual([])
  })
}
