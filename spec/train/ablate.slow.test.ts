/** `sluice ablate`: two variants with two seeds each, killed again and again, and what is wrong with a config. */
import { existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { goldenRoots } from '../golden/where.ts'
import { sluice } from './sluice-command.ts'

const golden = goldenRoots('training/two-stage')
  .map(folder => join(folder, 'vicuna'))
  .find(existsSync)
const blocks = ['projector', 'bbox_projector', 'fuse_module']

/** A folder with two lists of conversations, those about some pictures with families, and a config, which `change` may change. */
const prepared = (change: (config: ReturnType<typeof configFor>) => unknown = config => config) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-ablate-'))
  const samples = JSON.parse(readFileSync(join(golden!, 'train.json'), 'utf8')) as { family?: string }[]
  const told = samples.map((sample, k) => ({ ...sample, family: k % 2 === 0 ? 'even' : 'odd' }))
  writeFileSync(join(folder, 'train.json'), JSON.stringify(told.slice(0, 7)))
  writeFileSync(join(folder, 'exam.json'), JSON.stringify(told.slice(7)))
  const config = join(folder, 'config.json')
  writeFileSync(config, JSON.stringify(change(configFor(folder))))
  return { out: join(folder, 'out'), config }
}
const configFor = (folder: string) => {
  const files = { images: join(golden!, 'images'), boxes: join(golden!, 'boxes.json'), max_length: 256 }
  const stage = { ...files, conversations: join(folder, 'train.json'), name: 'all', lr: 0.002, batch: 3, every: 1 }
  return {
    model: join(golden!, 'model'),
    out: join(folder, 'out'),
    seeds: [1, 2],
    initial: blocks,
    stages: [{ ...stage, trainable: [...blocks, 'llm'], epochs: 2 }],
    exam: { ...files, conversations: join(folder, 'exam.json') },
    variants: [
      { name: 'alone', fusion: 'none', boxes: 'none' },
      { name: 'mining, with boxes', fusion: 'patch-info-mining', boxes: 'placed' },
    ],
  }
}
type Json = Readonly<Record<string, unknown>>
const json = (...path: readonly string[]): Json => JSON.parse(readFileSync(join(...path), 'utf8')) as Json

it.skipIf(golden === undefined)(
  'ends with the same bits however often it is killed',
  async () => {
    const [whole, killed] = [prepared(), prepared()]
    const done = await sluice(['ablate', whole.config])
    expect(done, done.said).toMatchObject({ code: 0 })
    expect(done.said).toContain('| mining, with boxes |')
    const firstView = join(killed.out, 'views/0.safetensors')
    const inTheMiddle = join(killed.out, 'alone-2/all/checkpoint.safetensors')
    for (const file of [firstView, inTheMiddle])
      expect((await sluice(['ablate', killed.config], () => existsSync(file), 'SIGKILL')).code).toBe(null)
    const first = readFileSync(join(killed.out, 'alone-1/result.json'), 'utf8')
    const again = await sluice(['ablate', killed.config])
    expect(again, again.said).toMatchObject({ code: 0 })
    // what was finished is not made again: its time is still that of then
    expect(readFileSync(join(killed.out, 'alone-1/result.json'), 'utf8')).toBe(first)
    const runs = ['alone-1', 'alone-2', 'mining, with boxes-1', 'mining, with boxes-2']
    for (const run of runs) {
      const [a, b] = [whole.out, killed.out].map(out => readFileSync(join(out, run, 'all/checkpoint.safetensors')))
      expect(b!.equals(a!), run).toBe(true)
      const [one, other] = [whole.out, killed.out].map(out => ({ ...json(out, run, 'result.json'), secondsPerStep: 0 }))
      expect(other).toEqual(one)
      expect((one as Json).marks).toMatch(/^[01]{5}$/)
    }
    const views = readdirSync(join(whole.out, 'views')).filter(name => name.endsWith('.safetensors'))
    expect(views).toEqual(['0.safetensors'])
    const [a, b] = [whole.out, killed.out].map(out => readFileSync(join(out, 'views/0.safetensors')).length)
    expect(b).toBe(a)
    // seeds differ in what they begin with and in the order of what they learn from
    const [one, two] = ['alone-1', 'alone-2'].map(run =>
      readFileSync(join(whole.out, run, 'all/checkpoint.safetensors')),
    )
    expect(one!.equals(two!)).toBe(false)
    const found = json(whole.out, 'ablation.json')
    expect(found).toMatchObject({ questions: 5, families: { even: 2, odd: 3 } })
    expect(readFileSync(join(whole.out, 'ablation.svg'), 'utf8').match(/<circle/g)).toHaveLength(4)
    // other stages are another ablation
    writeFileSync(whole.config, readFileSync(whole.config, 'utf8').replace('"lr":0.002', '"lr":0.001'))
    const other = await sluice(['ablate', whole.config])
    expect(other.code).toBe(1)
    expect(other.said).toContain('run.json: its runs have another model, other stages')
  },
  900_000,
)

it.skipIf(golden === undefined)('says what is wrong with a config, all of it', async () => {
  const { config } = prepared(given => ({
    ...given,
    seeds: [1, 1],
    stages: [{ ...given.stages[0]!, lr: -1 }],
    variants: [{ name: 'a/b' }, { name: 'two', fusion: 'sum' }],
  }))
  const { code, said } = await sluice(['ablate', config])
  expect(code).toBe(1)
  for (const part of ['stages[0].lr: expected a number above 0', 'variants[1].fusion: expected one of none, conv-gate'])
    expect(said).toContain(part)
  const names = prepared(given => ({
    ...given,
    seeds: [1, 1],
    variants: [{ name: 'a/b' }, { name: 'two', image_size: 96 }],
  }))
  const named = await sluice(['ablate', names.config])
  for (const part of ['seeds[1]: 1 is there twice', 'variants[0].name: expected the name of a folder'])
    expect(named.said).toContain(part)
  expect(named.said).toContain('variants[1].image_size: a variant has name, fusion, resampler_heads, boxes, box_memory')
})
it.skipIf(golden === undefined)('tells a variant that does not fit, and blocks that no variant trains', async () => {
  const unfit = prepared(given => ({
    ...given,
    variants: [...given.variants, { name: 'f-to-b', fusion: 'channel-concat', boxes: 'f-to-b' }],
  }))
  const { code, said } = await sluice(['ablate', unfit.config])
  expect(code).toBe(1)
  expect(said).toContain(
    `${unfit.config}: variants[2].boxes: f-to-b needs a fused map as wide as CLIP's, which channel-concat does not give`,
  )
  const towers = prepared(given => ({
    ...given,
    stages: [{ ...given.stages[0]!, trainable: ['visual', 'fuse_module'] }],
  }))
  const frozen = await sluice(['ablate', towers.config])
  expect(frozen.code).toBe(1)
  expect(frozen.said).toContain("stages[0].trainable: no variant has a parameter in 'visual'")
  expect(frozen.said).toContain('stages[0].trainable: nothing of alone is trained')
})
