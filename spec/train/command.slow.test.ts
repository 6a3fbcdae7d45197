/** `sluice train`: both stages from a JSON file, Ctrl-C in the middle, and the same command again. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { goldenRoots } from '../golden/where.ts'
import { sluice } from './sluice-command.ts'

const golden = goldenRoots('training/two-stage')
  .map(folder => join(folder, 'vicuna'))
  .find(existsSync)

const configFor = (out: string) => {
  const files = { conversations: join(golden!, 'train.json'), images: join(golden!, 'images') }
  const shared = { ...files, boxes: join(golden!, 'boxes.json'), max_length: 256, clip: 1, batch: 3, epochs: 3 }
  const projectors = ['fuse_module', 'projector', 'bbox_projector']
  return {
    model: join(golden!, 'model'),
    out,
    seed: 7,
    stages: [
      { ...shared, name: 'captions', trainable: projectors, lr: 0.002 },
      {
        ...shared,
        name: 'questions',
        trainable: [...projectors, 'llm'],
        lr: 5e-4,
        accumulate: 2,
        by_length: true,
        recompute: ['layers'],
      },
    ],
  }
}

it.skipIf(golden === undefined)('trains both stages, and goes on where it was interrupted', async () => {
  const folders = ['whole', 'parts'].map(name => mkdtempSync(join(tmpdir(), `sluice-command-${name}-`)))
  const configs = folders.map(folder => {
    const file = join(folder, 'config.json')
    writeFileSync(file, JSON.stringify(configFor(folder)))
    return file
  })
  const whole = await sluice(['train', configs[0]!])
  expect(whole, whole.said).toMatchObject({ code: 0 })
  expect(whole.said).toContain('captions: 12 samples')
  expect(whole.said).toContain(`the trained model is in ${folders[0]}/model`)
  const stopped = await sluice(['train', configs[1]!], () =>
    existsSync(join(folders[1]!, 'captions/checkpoint.safetensors')),
  )
  expect([0, 130]).toContain(stopped.code)
  const again = await sluice(['train', configs[1]!])
  expect(again, again.said).toMatchObject({ code: 0 })
  const models = folders.map(folder => readFileSync(join(folder, 'model/mg_llava.safetensors')))
  expect(models[1]!.equals(models[0]!)).toBe(true)
  const losses = readFileSync(join(folders[0]!, 'questions/log.jsonl'), 'utf8').trim().split('\n')
  expect(losses).toHaveLength(6)
  const answer = await sluice(['describe', join(folders[0]!, 'model'), '--depth', '1'])
  expect(answer, answer.said).toMatchObject({ code: 0 })
})
it('says what is wrong with a config, all of it', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'sluice-config-')), 'config.json')
  writeFileSync(
    file,
    JSON.stringify({ model: 'here', out: 'there', stages: [{ name: 'one', lr: -1, schedule: 'linear' }] }),
  )
  const { code, said } = await sluice(['train', file])
  expect(code).toBe(1)
  for (const part of ['stages[0].lr', 'a number above 0', 'stages[0].schedule', 'one of cosine', 'stages[0].batch'])
    expect(said).toContain(part)
})
