/** Variants of a loaded model: what they keep of the folder, what is initial, and those of the emoji ablation. */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { either as E } from 'fp-ts'
import { parameters, type Door, type SluiceError } from 'sluice'
import { learningFromViews, load, variantOf, viewsAsked, type LoadedMgLlava, type Rewiring } from 'sluice/models'
import { describe, expect, it } from 'vitest'
import { initialWeights, writeFolder } from '../../examples/emoji/folder.ts'
import { readWorld } from '../../examples/emoji/scenes.ts'
import { goldenRoots } from '../golden/where.ts'

const golden = goldenRoots('training/two-stage')
  .map(folder => join(folder, 'vicuna/model'))
  .find(existsSync)
const right = <A>(result: E.Either<SluiceError, A>): A => {
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}
const opened = async <A>(door: Door<A>): Promise<A> => right(await door())
const options = { seed: 1, initial: [], file: 'config.json', under: 'variants[0]' }
const numbers = (model: LoadedMgLlava, name: string) => opened(model.weights.get(name)!.read)

describe.skipIf(golden === undefined)('a variant', () => {
  it('keeps what has its name and shape, and draws the rest by seed and name', async () => {
    const model = await opened(load(golden!))
    const [one, two] = [1, 2].map(seed => right(variantOf({ fusion: 'channel-concat' }, { ...options, seed })(model)))
    // conv-gate's own parameters are gone; the first layer of the projector reads wider tokens, the second is as it was
    expect([...one!.weights.keys()].filter(name => name.startsWith('fuse_module.'))).toEqual([])
    const [first, second] = ['projector.model.0.weight', 'projector.model.2.weight']
    expect(one!.weights.get(first)!.shape).not.toEqual(model.weights.get(first)!.shape)
    expect(one!.weights.get(second)).toBe(model.weights.get(second))
    expect(await numbers(one!, first)).not.toEqual(await numbers(two!, first))
    const again = right(variantOf({ fusion: 'channel-concat' }, options)(model))
    expect(await numbers(again, first)).toEqual(await numbers(one!, first))
  })
  it('has initial numbers in blocks that should be, also where the folder has them', async () => {
    const model = await opened(load(golden!))
    const same = right(variantOf({}, options)(model))
    for (const [name, entry] of model.weights) expect(same.weights.get(name), name).toBe(entry)
    const fresh = right(variantOf({}, { ...options, initial: ['projector'] })(model))
    const drawn = [...fresh.weights].filter(([name, entry]) => model.weights.get(name) !== entry).map(([name]) => name)
    expect(drawn).toEqual([...model.weights.keys()].filter(name => name.startsWith('projector.')))
  })
  it('says where it does not fit', async () => {
    const model = await opened(load(golden!))
    const wrong = (rewiring: Rewiring): string => {
      const made = variantOf(rewiring, options)(model)
      return E.isLeft(made) ? made.left.message : 'it fits'
    }
    expect(wrong({ fusion: 'channel-concat', boxes: 'f-to-b' })).toContain(
      'config.json: variants[0].boxes: f-to-b needs',
    )
    expect(wrong({ fusion: 'resampler' })).toContain('variants[0].resampler_heads: expected the heads')
    expect(wrong({ fusion: 'resampler', resampler_heads: 7 })).toContain(
      'config.json: variants[0]: its parts make no model',
    )
  })
})

it('the emoji ablation names nine that fit its model', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-variants-'))
  const { index } = await readWorld()
  await opened(writeFolder(folder, index, initialWeights(1)))
  const model = await opened(load(folder))
  const file = new URL('../../examples/emoji/ablation.json', import.meta.url)
  const { variants, stages } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly variants: readonly (Rewiring & { readonly name: string })[]
    readonly stages: readonly { readonly trainable: readonly string[] }[]
  }
  expect(variants).toHaveLength(9)
  const asked = variants.map(({ name, ...rewiring }) => {
    const { parts } = right(variantOf(rewiring, options)(model))
    const learning = learningFromViews(parts)
    const blocks = new Set(parameters(learning.loss).map(parameter => parameter.name.split('.')[0]!))
    // all that learns from views is trained
    expect(
      [...blocks].filter(block => !stages[0]!.trainable.includes(block)),
      name,
    ).toEqual([])
    return [name, viewsAsked(learning).toSorted()] as const
  })
  expect(Object.fromEntries(asked)).toMatchObject({
    baseline: ['low'],
    '+ boxes': ['features', 'low', 'places'],
    'Channel Concat': ['features', 'low', 'places', 'stage3'],
    'Patch Info Mining': ['features', 'low', 'places', 'stage0', 'stage1', 'stage2', 'stage3'],
    'F-to-B': ['features', 'low', 'stage3'],
  })
})
